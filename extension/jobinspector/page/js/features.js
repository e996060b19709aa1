// Copyright The o365messagetrace Authors
// SPDX-License-Identifier: Apache-2.0

import { inspector } from './api.js';

/**
 * What the inspector allows. Until it has answered, everything is offered, and a refusal is shown.
 * @type {{version: string, readOnly: boolean, capture: boolean, authorized: boolean}} authorized is false where the token of the
 *   collector's log is needed and missing
 */
export const features = { version: '', readOnly: false, capture: true, authorized: true };

/** Dispatches "change" when the inspector has answered what it allows. */
export const featureChanges = new EventTarget();

/** Asks the inspector what it allows. Fails where it does not answer. */
export async function loadFeatures() {
  const answer = await inspector();
  if (!answer) return;
  features.version = answer.version ?? '';
  features.readOnly = answer.read_only === true;
  features.capture = answer.capture !== false;
  features.authorized = answer.authorized !== false;
  featureChanges.dispatchEvent(new Event('change'));
}
