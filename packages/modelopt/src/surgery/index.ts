/** @file Surgery: replaces what embedded devices run badly by what they run well. */

export { applySurgery, type SurgeryResult } from './apply.ts';
export { type ConvertOptions, convertToLiteModel } from './convert.ts';
export { ChannelsLastBatchNorm, DepthwiseSeparableConv2d, LiteCNBlock } from './layers.ts';
export { type RuleChoice, resolveSurgery, type SurgeryOptions } from './options.ts';
export {
  type AppliedRule,
  type NetworkSummary,
  type Refusal,
  type SurgeryReport,
  summariseNetwork,
  type UnsupportedLayer,
} from './report.ts';
export type {
  GraphRewrite,
  GraphSite,
  ModuleRewrite,
  Preparation,
  Preserves,
  Setting,
  SettingDefinition,
  Settings,
  Site,
  SurgeryRule,
} from './rule.ts';
export { type SurgeryPreset, surgeryPresets, surgeryRules } from './rules/index.ts';
