import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Result, Secret, ok, refuse } from '#base'
import type { KeyGuard } from './key-guard.ts'

/*
 * Theory of operation. The wrapping key is a sealed data object under the storage primary of the owner hierarchy (TPM 2.0 part 1, 22), which the same TPM derives
 * anew each time. What is kept is `length of the public area u16 BE | public area | private area`: another TPM cannot load it. Done by tpm2-tools; the key goes
 * in by stdin and comes out by stdout, never by a file or an argument.
 */
const patienceMs = 15_000

/** The TPM at the TCTI that a place names, such as `device:/dev/tpmrm0`. */
export function tpmGuard(): KeyGuard {
  return {
    seal: ({ tcti = '' }, key) =>
      inTpm(tcti, async (run, at) => {
        const made = await run('tpm2_create', ['-Q', '-C', at('primary'), '-i', '-', '-u', at('pub'), '-r', at('priv')], key)
        if (!made.ok) return made
        const [pub, priv] = [await readFile(at('pub')), await readFile(at('priv'))]
        return ok(Buffer.concat([Buffer.from([pub.length >>> 8, pub.length & 0xff]), pub, priv]))
      }),
    open: ({ tcti = '' }, sealed) =>
      inTpm(tcti, async (run, at) => {
        const end = sealed.length < 2 ? 0 : 2 + sealed.readUInt16BE(0)
        await writeFile(at('pub'), sealed.subarray(2, end), { mode: 0o600 })
        await writeFile(at('priv'), sealed.subarray(end), { mode: 0o600 })
        const loaded = await run('tpm2_load', ['-Q', '-C', at('primary'), '-u', at('pub'), '-r', at('priv'), '-c', at('key')])
        if (!loaded.ok) return loaded
        const opened = await run('tpm2_unseal', ['-Q', '-c', at('key')])
        return opened.ok ? ok(new Secret(opened.value)) : opened
      }),
  }
}

type Run = (tool: string, words: readonly string[], input?: Secret) => Promise<Result<Buffer>>

async function inTpm<T>(tcti: string, work: (run: Run, at: (name: string) => string) => Promise<Result<T>>): Promise<Result<T>> {
  const directory = await mkdtemp(join(tmpdir(), 'thingwall-guard-'))
  const at = (name: string) => join(directory, name)
  const environment = { PATH: '/usr/bin:/bin:/usr/local/bin', TPM2TOOLS_TCTI: tcti }
  // Objects of clients that were killed stay in a TPM without a resource manager, and there is room for three.
  const flush = async () => {
    if (!/tpmrm|tabrmd/.test(tcti)) await tool('tpm2_flushcontext', ['-t'], environment)
  }
  try {
    await flush()
    const primary = await tool('tpm2_createprimary', ['-Q', '-C', 'o', '-g', 'sha256', '-G', 'ecc', '-c', at('primary')], environment)
    if (!primary.ok) return refuse('vault/guard-away', 'The TPM does not answer. thingwall doctor tpm says what to do.', primary.why)
    return await work(async (name, words, input) => {
      await flush()
      const done = await tool(name, words, environment, input)
      return done.ok
        ? ok(done.out)
        : refuse('vault/guard-refused', 'This TPM does not open the root key: another TPM sealed it, or it was cleared.', done.why)
    }, at)
  } finally {
    await flush()
    await rm(directory, { recursive: true, force: true })
  }
}

type Done = { readonly ok: true; readonly out: Buffer } | { readonly ok: false; readonly why: string }

/** Runs a tool without a shell. `input` goes to its stdin. */
function tool(name: string, words: readonly string[], environment: Record<string, string>, input?: Secret): Promise<Done> {
  return new Promise((resolve) => {
    const options = { env: environment, timeout: patienceMs, encoding: 'buffer', maxBuffer: 64 * 1024 } as const
    const child = execFile(name, [...words], options, (error, out, said) =>
      resolve(error === null ? { ok: true, out } : { ok: false, why: said.toString('utf8').trim().slice(0, 300) || error.message }),
    )
    child.stdin?.on('error', () => {})
    if (input === undefined) child.stdin?.end()
    else input.use((bytes) => child.stdin?.end(Buffer.from(bytes)))
  })
}
