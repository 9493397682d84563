export { type Audit, type AuditRange, type Broken, maxAuditRead, openAudit } from './audit.ts'
export type { AuditRecord, Detail, What } from './entry.ts'
export { auditMigrations } from './migrations.ts'
