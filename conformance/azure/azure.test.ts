import { type TestContext, after, describe, test } from 'node:test'
import { nameOf } from './case.ts'
import { cases } from './cases.ts'
import { type SuiteHub, openSuiteHub } from './suite-hub.ts'

let shared: Promise<SuiteHub | undefined> | undefined
async function suiteFor(t: TestContext): Promise<SuiteHub | undefined> {
  shared ??= openSuiteHub()
  const suite = await shared
  if (suite === undefined) t.skip('port 443 may not be bound here, and the SDKs take no other')
  return suite
}
after(async () => (await shared)?.[Symbol.asyncDispose]())

describe('stock SDKs', { concurrency: 16 }, () => {
  for (const [at, one] of cases.entries())
    test(nameOf(one), { timeout: 60_000 }, async (t) => {
      const suite = await suiteFor(t)
      if (suite !== undefined) await one.play(suite, `${one.row.toLowerCase()}-${one.over}-${at}`)
    })
})
