// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

// Package browser tests the page of the Job Inspector in a headless Chromium. It is a module of its own, so that the driver of
// the browser stays out of the go.mod of the receiver. Without a Chromium its tests are skipped.
//
// Environment variables:
//
//   - O365MT_CHROMIUM is the browser, if it is not chromium, chromium-browser or google-chrome of the PATH.
//   - O365MT_INSPECTOR is the address of the page of a running collector, such as http://localhost:8365. Those tests that do
//     not arrange their answers then look at it instead of at a fake of the API.
//   - O365MT_SCREENSHOTS is a folder for pictures of the page; a test that fails leaves one there, too.
package browser
