export { type Bus, type CloseReason, type CloseReceipt, type CloseRequest, openBus } from './bus.ts'
