/** One mounted file system: its device as `major:minor`, where it stands, its type and source. */
export type Mount = { readonly device: string; readonly at: string; readonly type: string; readonly source: string }

/** Reads /proc/self/mountinfo (proc(5)). Lines that make no sense are left out. */
export function parseMounts(text: string): readonly Mount[] {
  const mounts: Mount[] = []
  for (const line of text.split('\n')) {
    const [left = '', right = ''] = line.split(' - ')
    const [, , device, , at] = left.split(' ')
    const [type, source] = right.split(' ')
    if (device === undefined || at === undefined || type === undefined || source === undefined) continue
    mounts.push({
      device,
      at: at.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      type,
      source,
    })
  }
  return mounts
}

/** The mount that a path lies on: the longest that is a parent of it, and of equals the last, which hides the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
  let best: Mount | undefined
  for (const mount of mounts) {
    const inside = path === mount.at || path.startsWith(mount.at.endsWith('/') ? mount.at : `${mount.at}/`)
    if (inside && mount.at.length >= (best?.at.length ?? 0)) best = mount
  }
  return best
}

/** The paths in /proc/swaps. */
export function parseSwaps(text: string): readonly string[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/)[0] ?? '')
    .filter((path) => path !== '')
}
