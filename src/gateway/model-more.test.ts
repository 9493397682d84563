import { test } from 'node:test'
import { liveAll } from './model-run.test.ts'

// The other half of the histories of `model.test.ts`: files run side by side.
const firstSeed = 15_001
const histories = 10_000

test(`${histories} more histories from seed ${firstSeed}: nothing denied is taken or delivered, nothing allowed is lost or comes twice`, () =>
  liveAll(firstSeed, histories))
