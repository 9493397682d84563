export { type AzureErrorReply, azureErrorReply } from './error-body.ts'
export { type AzureError, type AzureErrorName, azureError, azureErrorNamed, azureErrorRows } from './error-codes.ts'
export {
  type DeviceOperation,
  type DeviceTopic,
  desiredTopic,
  isMessageFilter,
  maxRequestIdLength,
  messageTopicPrefix,
  methodTopic,
  operationFilters,
  operationPrefix,
  parseDeviceTopic,
  twinResponseTopic,
} from './device-topics.ts'
export { type PropertyBag, type SystemProperty, decodePropertyBag, encodePropertyBag } from './property-bag.ts'
export { type SharedAccessSignature, parseSharedAccessSignature, resourceSegments, signSharedAccess } from './shared-access-signature.ts'
export { type TelemetryTopic, parseTelemetryTopic, telemetryTopicPrefix } from './topics.ts'
export { type AzureUserName, parseUserName } from './user-name.ts'
