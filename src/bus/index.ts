export { type Bus, type CloseAnswer, type CloseReason, type CloseReceipt, type CloseRequest, openBus } from './bus.ts'
