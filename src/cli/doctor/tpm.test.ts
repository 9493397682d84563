import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TpmDevice } from '../../../test/swtpm-device.ts'
import { startSoftTpm } from '../../../test/swtpm.io.ts'
import { collectTpm } from './tpm.io.ts'
import { type TpmFacts, judgeTpm } from './tpm.ts'

const verdicts = (facts: TpmFacts) => Object.fromEntries(judgeTpm(facts).map(({ name, verdict }) => [name, verdict]))

test('a TPM is asked for all that the doctor judges, and what is missing has a fix', async () => {
  await using tpm = await startSoftTpm()
  using device = new TpmDevice(tpm.tcti)
  const bare = await collectTpm(tpm.tcti)
  const found = judgeTpm(bare)
  assert.deepEqual(verdicts(bare), {
    answers: 'ok',
    version: 'ok',
    lockout: 'ok',
    'endorsement key': 'note',
    certificate: 'note',
    clock: 'ok',
    registers: 'ok',
  })
  for (const { verdict, why, fix } of found) assert.equal(verdict === 'ok', why === undefined && fix === undefined)
  assert.match(found.find(({ name }) => name === 'version')?.what ?? '', /^TPM 2\.0, made by IBM, firmware 0x/)
  await device.prepare('ecc')
  assert.equal(verdicts(await collectTpm(tpm.tcti))['endorsement key'], 'ok')
  const facts = await collectTpm(tpm.tcti)

  const spent = { ...facts, variable: facts.variable.replace('COUNTER: 0x0', 'COUNTER: 0x2') }
  assert.equal(verdicts(spent)['lockout'], 'note')
  const locked = { ...facts, variable: facts.variable.replace(/inLockout:(\s+)0/, 'inLockout:$11') }
  assert.equal(verdicts(locked)['lockout'], 'fail')
  assert.equal(verdicts({ ...facts, clock: facts.clock.replace('safe: yes', 'safe: no') })['clock'], 'note')
  assert.equal(verdicts({ ...facts, banks: facts.banks.replace(/sha256: \[[^\]]*\]/, 'sha256: [ ]') })['registers'], 'fail')
  assert.equal(verdicts({ ...facts, indexes: '- 0x1C00002' })['certificate'], 'ok')
})

test('a TPM that is away, without rights, or without a resource manager is told from one that is not there', async () => {
  await using tpm = await startSoftTpm()
  await tpm.stop()
  const away = await collectTpm(tpm.tcti)
  assert.deepEqual(verdicts(away), { answers: 'fail' })
  const here = { ...away, given: false, failure: 'no tools' }
  const words = (facts: TpmFacts) => judgeTpm(facts).map(({ what }) => what)
  assert.match(words({ ...here, manager: 'no-right' }).join(), /without a right.*not installed/)
  assert.match(words({ ...here, manager: 'absent', raw: 'usable' }).join(), /no resource manager/)
  assert.match(words({ ...here, manager: 'absent', raw: 'absent', tcti: undefined }).join(), /shows no TPM/)
})
