export { type WebAnswer, type WebPeer, type WebRequest, type WebSite, jsonAnswer, textAnswer } from './web.ts'
