export { type LotEntry, type LedgerEnd, LedgerReader, appendEntry } from './ledger.ts'
export { type LotManifest, encodeManifest, factoryLimits, manifestDigest, parseManifest } from './manifest.ts'
export { isNameOf, nameOf, parseLotName, parseNamePattern } from './name-pattern.ts'
export { signDeviceCertificate } from './device-certificate.ts'
