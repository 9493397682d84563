export { type Json, parseJson } from './json.ts'
