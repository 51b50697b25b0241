/** @file What keeps a network from running well on a device. */

export { deviceProfile, type Finding, hasSeverity, lintGraph, lintModel } from './lint.ts';
export { type DeviceProfile, deviceProfiles, type ProfileRule, type Severity } from './profiles.ts';
export type { RuleKind, RuleParameters } from './rules.ts';
