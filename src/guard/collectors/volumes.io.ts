import { readFile } from 'node:fs/promises'
import type { Sighting } from '../evidence.ts'
import { mountOf, parseMounts, parseSwaps } from './mounts.ts'

/** Tells by the kernel's tables whether the volume below the data directory, and swap, are encrypted (dm-crypt). Linux only. */
export async function collectVolumes(dataDirectory: string): Promise<Sighting> {
  const subject = { kind: 'hub', id: 'hub' } as const
  try {
    const mount = mountOf(dataDirectory, parseMounts(await readFile('/proc/self/mountinfo', 'utf8')))
    const data = mount === undefined ? 'unknown' : await volumeOf(mount.device, mount.type)
    const swaps = parseSwaps(await readFile('/proc/swaps', 'utf8'))
    const kinds = await Promise.all(swaps.map(swapOf))
    const swap = kinds.length === 0 ? 'none' : kinds.includes('clear') ? 'clear' : kinds.includes('unknown') ? 'unknown' : 'encrypted'
    const detail = `${mount?.type ?? 'unknown'} on ${mount?.source ?? 'unknown'}; swap: ${swaps.join(', ') || 'none'}`
    return { method: 'volumes', subject, observed: { data, swap, detail } }
  } catch {
    return { method: 'volumes', subject, observed: { data: 'unknown', swap: 'unknown', detail: 'this system does not show its mounts' } }
  }
}

async function volumeOf(device: string, type: string): Promise<'encrypted' | 'clear' | 'unknown'> {
  // What lives in memory only is never at rest.
  if (type === 'tmpfs' || type === 'ramfs') return 'encrypted'
  const uuid = await readFile(`/sys/dev/block/${device}/dm/uuid`, 'utf8').catch(() => undefined)
  if (uuid?.startsWith('CRYPT-') === true) return 'encrypted'
  // A logical volume may stand on an encrypted disk; overlays and network file systems do not say.
  if (uuid !== undefined || device.startsWith('0:')) return 'unknown'
  return 'clear'
}

async function swapOf(path: string): Promise<'encrypted' | 'clear' | 'unknown'> {
  const name = path.split('/').at(-1) ?? ''
  // Compressed swap in memory.
  if (name.startsWith('zram')) return 'encrypted'
  if (!path.startsWith('/dev/')) return 'unknown'
  const uuid = await readFile(`/sys/class/block/${name}/dm/uuid`, 'utf8').catch(() => undefined)
  if (uuid?.startsWith('CRYPT-') === true) return 'encrypted'
  return uuid === undefined ? 'clear' : 'unknown'
}
