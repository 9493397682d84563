export { type Bus, type CloseAnswer, type CloseReason, type CloseReceipt, type CloseRequest, joinReceipts, openBus } from './bus.ts'
