import { postgresqlKind } from './endpoints/postgresql.io.ts'
import { type AnyKind, anyKind } from './kinds.ts'

/** Every kind of endpoint, the built-in one apart. What a kind needs is loaded when its first endpoint opens. */
export const endpointKinds: readonly AnyKind[] = [anyKind(postgresqlKind)]
