export { decodeBody, encodeBody } from './base64-body.ts'
export { multipartMixed } from './multipart.ts'
