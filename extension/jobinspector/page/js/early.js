// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Runs before the first paint, so that the chosen theme does not flash. No module: those run later.
(() => {
  try {
    const theme = localStorage.getItem('o365messagetrace.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
  } catch {
    // No storage: the theme of the system.
  }
})();
