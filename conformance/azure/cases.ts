import type { Case } from './case.ts'
import { connectionCases } from './connection-cases.ts'
import { deviceCases } from './device-cases.ts'
import { moduleCases } from './module-cases.ts'
import { provisioningCases } from './provisioning-cases.ts'
import { readerCases } from './reader-cases.ts'
import { serviceCases } from './service-cases.ts'

/** Every case of the suite; what back ends do by REST alone is in service-rest.test.ts. */
export const cases: readonly Case[] = [
  ...deviceCases,
  ...connectionCases,
  ...moduleCases,
  ...serviceCases,
  ...readerCases,
  ...provisioningCases,
]
