export { copyStore, proveStore } from './copy.io.ts'
export { type DirectoryLock, lockDirectory } from './lock.io.ts'
export { type StoreConfig, openStore } from './sqlite.io.ts'
export type { Migration, Row, Statement, Store, Value } from './store.ts'
