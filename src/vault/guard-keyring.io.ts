import { execFile } from 'node:child_process'
import { type Random, type Result, Secret, ok, refuse } from '#base'
import type { KeyGuard } from './key-guard.ts'

const patienceMs = 30_000

/**
 * The keyring of the desktop session, by `secret-tool` of libsecret; the kernel's own keyring forgets at a reboot and would take the hub's data with it. What is
 * sealed is the name of an entry. A system without it refuses `vault/guard-away`.
 */
export function keyringGuard(random: Random): KeyGuard {
  return {
    async seal(_place, key) {
      const name = random.bytes(16)
      const text = key.use((bytes) => bytes.toString('base64url'))
      const kept = await secretTool(['store', '--label=Thingwall root key guard', 'thingwall', name.toString('hex')], text)
      return kept.ok ? ok(name) : kept
    },
    async open(_place, sealed) {
      const found = await secretTool(['lookup', 'thingwall', sealed.toString('hex')])
      if (!found.ok) return found
      const key = Buffer.from(found.value.trim(), 'base64url')
      return key.length === 32
        ? ok(new Secret(key))
        : refuse('vault/guard-refused', 'The keyring has no such key. It belongs to another user or was cleared.')
    },
  }
}

function secretTool(words: readonly string[], input = ''): Promise<Result<string>> {
  return new Promise((resolve) => {
    const child = execFile('secret-tool', [...words], { timeout: patienceMs, maxBuffer: 64 * 1024 }, (error, out, said) => {
      if (error === null) return resolve(ok(out))
      // A lookup that finds nothing says nothing and exits 1.
      if (error.code === 1 && said.trim() === '') return resolve(ok(''))
      resolve(
        refuse(
          'vault/guard-away',
          'This system has no keyring that the hub can use: it takes secret-tool of libsecret and a session that is unlocked.',
          said.slice(0, 300),
        ),
      )
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
