export {
  type Bus,
  type CloseAnswer,
  type CloseReason,
  type CloseReceipt,
  type CloseRequest,
  type DeviceClose,
  type RevokedClose,
  joinReceipts,
  openBus,
} from './bus.ts'
