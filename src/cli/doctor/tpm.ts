import type { Finding } from './judge.ts'

/** Whether a device file is there and may be read and written. */
export type DeviceNode = 'usable' | 'no-right' | 'absent'

/** What can be learned of a TPM. Texts are those of tpm2-tools, empty where the TPM did not answer. */
export type TpmFacts = {
  /** The kernel's resource manager, and the TPM without it. */
  readonly manager: DeviceNode
  readonly raw: DeviceNode
  /** How it was asked; undefined: there was nothing to ask. */
  readonly tcti: string | undefined
  /** Whether the caller said so. */
  readonly given: boolean
  /** `tpm2_getcap properties-fixed`; undefined: it failed, for the reason in `failure`. */
  readonly fixed: string | undefined
  readonly failure: string | undefined
  readonly variable: string
  readonly banks: string
  readonly clock: string
  readonly persistent: string
  readonly indexes: string
}

// Where the TCG wants endorsement keys and their certificates (RSA 2048, ECC P-256).
const endorsementKeys = ['0x81010001', '0x81010002'] as const
const endorsementCertificates = ['0x1C00002', '0x1C0000A'] as const

/** Judges a TPM: what is so, why it matters, how to mend it. */
export function judgeTpm(facts: TpmFacts): readonly Finding[] {
  const reached = reach(facts)
  if (facts.fixed === undefined) return [...node(facts), reached]
  return [
    ...node(facts),
    reached,
    version(facts.fixed),
    lockout(facts.variable),
    endorsementKey(facts.persistent),
    endorsementCertificate(facts.indexes),
    clock(facts.clock),
    banks(facts.banks),
  ]
}

function node({ manager, raw, given }: TpmFacts): readonly Finding[] {
  // Asked elsewhere: what this machine has does not matter.
  if (given) return []
  if (manager === 'usable') return [{ name: 'device', verdict: 'ok', what: '/dev/tpmrm0 can be used' }]
  if (manager === 'no-right')
    return [
      {
        name: 'device',
        verdict: 'fail',
        what: '/dev/tpmrm0 is there, without a right to use it',
        why: 'nothing of this user can ask the TPM.',
        fix: 'add this user to the group tss, and sign in again',
      },
    ]
  if (raw !== 'absent')
    return [
      {
        name: 'device',
        verdict: 'fail',
        what: 'there is /dev/tpm0 and no resource manager',
        why: 'one program at a time can use it, and it has room for three keys.',
        fix: 'use a kernel with /dev/tpmrm0 (4.12 or later), or run tpm2-abrmd and say --tcti tabrmd',
      },
    ]
  return [
    {
      name: 'device',
      verdict: 'fail',
      what: 'this machine shows no TPM',
      why: 'keys are then kept in files.',
      fix: 'turn the TPM on in the firmware (fTPM, PTT), or name another with --tcti',
    },
  ]
}

function reach({ tcti, fixed, failure }: TpmFacts): Finding {
  if (fixed !== undefined) return { name: 'answers', verdict: 'ok', what: `over ${tcti ?? ''}` }
  if (failure === 'no tools')
    return {
      name: 'answers',
      verdict: 'fail',
      what: 'tpm2_getcap is not installed',
      why: 'the doctor asks the TPM with tpm2-tools.',
      fix: 'apt-get install tpm2-tools',
    }
  return {
    name: 'answers',
    verdict: 'fail',
    what: failure ?? 'it does not answer',
    why: 'nothing more can be learned.',
    fix: 'check --tcti; a TPM without a resource manager is busy while another program has it',
  }
}

function version(text: string): Finding {
  const family = value(text, 'TPM2_PT_FAMILY_INDICATOR')
  const maker = value(text, 'TPM2_PT_MANUFACTURER')
  const firmware = [1, 2].map((part) => raw(text, `TPM2_PT_FIRMWARE_VERSION_${part}`)).join(' ')
  const what = `TPM ${family}, made by ${maker}, firmware ${firmware}`
  if (family === '2.0') return { name: 'version', verdict: 'ok', what }
  return { name: 'version', verdict: 'fail', what, why: 'the hub speaks with TPM 2.0 alone.', fix: 'switch it to 2.0 in the firmware' }
}

function lockout(text: string): Finding {
  const count = Number(raw(text, 'TPM2_PT_LOCKOUT_COUNTER'))
  const most = Number(raw(text, 'TPM2_PT_MAX_AUTH_FAIL'))
  const recoverSeconds = Number(raw(text, 'TPM2_PT_LOCKOUT_INTERVAL'))
  const what = `${count} of ${most} wrong passwords`
  if (/inLockout:\s+1/.test(text))
    return {
      name: 'lockout',
      verdict: 'fail',
      what: `locked: ${what}`,
      why: 'keys with a password are refused.',
      fix: `wait ${recoverSeconds} seconds for each, or clear it: tpm2_dictionarylockout --clear-lockout`,
    }
  if (count === 0) return { name: 'lockout', verdict: 'ok', what }
  return {
    name: 'lockout',
    verdict: 'note',
    what,
    why: 'at the limit every key with a password is refused.',
    fix: 'find out who gives wrong passwords; tpm2_dictionarylockout --clear-lockout',
  }
}

function endorsementKey(text: string): Finding {
  const found = endorsementKeys.find((handle) => text.includes(handle))
  if (found !== undefined) return { name: 'endorsement key', verdict: 'ok', what: `kept at ${found}` }
  return {
    name: 'endorsement key',
    verdict: 'note',
    what: 'none is kept',
    why: 'clients of provisioning look for it at 0x81010001, and making it takes seconds.',
    fix: 'tpm2_createek -c 0x81010001 -G rsa -u ek.pub',
  }
}

function endorsementCertificate(text: string): Finding {
  const found = endorsementCertificates.find((index) => text.toUpperCase().includes(index.toUpperCase()))
  if (found !== undefined) return { name: 'certificate', verdict: 'ok', what: `of the endorsement key, at ${found}` }
  return {
    name: 'certificate',
    verdict: 'note',
    what: 'there is none of the endorsement key',
    why: 'a policy that names manufacturers refuses this TPM.',
    fix: 'ask its manufacturer (tpm2_getekcertificate), or expect the device by its key alone',
  }
}

function clock(text: string): Finding {
  const of = (name: string) => lineOf(text, `${name}:`) ?? '?'
  const what = `${of('clock')} ms, start ${of('reset_count')}.${of('restart_count')}`
  if (of('safe') === 'yes') return { name: 'clock', verdict: 'ok', what }
  return {
    name: 'clock',
    verdict: 'note',
    what: `${what}, not safe`,
    why: 'it was stopped without warning and may have been later before: a quote may be taken for one of a copy.',
    fix: 'shut the machine down in order; it is safe again after some minutes',
  }
}

function banks(text: string): Finding {
  const active = text.split('\n').flatMap((line) => {
    const [, name, numbers] = /^\s+- (\w+): \[(.*)\]$/.exec(line) ?? []
    return name !== undefined && numbers !== undefined && numbers.trim() !== '' ? [name] : []
  })
  const what = active.length === 0 ? 'no bank of registers is active' : active.join(', ')
  if (active.includes('sha256')) return { name: 'registers', verdict: 'ok', what }
  return {
    name: 'registers',
    verdict: 'fail',
    what,
    why: 'the hub looks at the bank of SHA-256.',
    fix: 'tpm2_pcrallocate sha256:all, and start the machine again',
  }
}

// Sections of tpm2_getcap: a name at the margin, members below it; or name and number in one line.
function raw(text: string, name: string): string {
  return lineOf(text, `${name}:`, 'raw:') ?? '?'
}

function value(text: string, name: string): string {
  return (lineOf(text, `${name}:`, 'value:') ?? '?').replaceAll('"', '')
}

function lineOf(text: string, name: string, member?: string): string | undefined {
  const lines = text.split('\n').map((line) => line.trim())
  const at = lines.findIndex((line) => line.startsWith(name))
  if (at < 0) return undefined
  const own = lines[at]?.slice(name.length).trim()
  if (own !== undefined && own !== '') return own
  return lines
    .slice(at + 1, at + 3)
    .find((line) => member !== undefined && line.startsWith(member))
    ?.slice(member?.length)
    .trim()
}
