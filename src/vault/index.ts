export { keyDisk } from './key-disk.io.ts'
export { type Protection } from './key-file.ts'
export { type KeptFile, type KeyDisk } from './ports.ts'
export { Vault, type VaultConfig, type VaultDescription, openVault } from './vault.ts'
