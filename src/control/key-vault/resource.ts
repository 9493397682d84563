import { isIP } from 'node:net'

/**
 * What a client is to ask a token for. Its clients insist that the vault's host lies below the resource (`x.vault.azure.net` below `vault.azure.net`): so
 * it is the name of this hub that `host` lies below, else the domain above the host. Hosts that have none above them get their own name, and
 * their clients must be told `disableChallengeResourceVerification`.
 */
export function vaultResource(host: string, names: readonly string[]): string {
  const bare = host.replace(/:\d+$/, '')
  const above = names.find((name) => bare.endsWith(`.${name.toLowerCase()}`))
  if (above !== undefined) return `https://${above.toLowerCase()}`
  const dot = bare.indexOf('.')
  const parent = dot < 0 || isIP(bare) !== 0 || bare.startsWith('[') ? bare : bare.slice(dot + 1)
  return `https://${parent}`
}
