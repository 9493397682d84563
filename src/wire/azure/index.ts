export { type PropertyBag, type SystemProperty, decodePropertyBag, encodePropertyBag } from './property-bag.ts'
export { type SharedAccessSignature, parseSharedAccessSignature, resourceSegments, signSharedAccess } from './shared-access-signature.ts'
export { type TelemetryTopic, parseTelemetryTopic, telemetryTopicPrefix } from './topics.ts'
export { type AzureUserName, parseUserName } from './user-name.ts'
