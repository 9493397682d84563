import { Fault, type Result, type Secret } from '#base'
import type { Json } from '#wire/json'

const reference = /^secret:([0-9A-Za-z-]{1,127})(?:\/([0-9a-f]{32}))?$/
const mostDeep = 8

/** Whether a text refers to a secret of the vault: `secret:NAME`, its newest version, or `secret:NAME/VERSION`. */
export function isSecretReference(text: string): boolean {
  return reference.test(text)
}

/** Where the secrets of one endpoint come from. */
export type SecretSources = {
  /** A secret that lies beside the hub for this endpoint alone. */
  readonly own: (name: string) => Secret | undefined
  /** A secret of the vault; refused unless a rule there lets this endpoint have it. */
  readonly fromVault: (name: string, version: string | undefined) => Promise<Result<Secret>>
}

/** The secrets that an endpoint's settings refer to, read from the vault when it is opened, so that those who deliver need not wait for them. */
export class KeptSecrets {
  readonly #references: readonly string[]
  readonly #sources: SecretSources
  #kept: ReadonlyMap<string, Secret> = new Map()

  constructor(settings: Json, sources: SecretSources) {
    this.#references = [...new Set(textsOf(settings, 0))].filter(isSecretReference)
    this.#sources = sources
  }

  /** Whether a secret of the vault, by its name, is one of them. */
  wants(name: string): boolean {
    return this.#references.some((one) => reference.exec(one)?.[1]?.toLowerCase() === name.toLowerCase())
  }

  /** Reads them anew. Throws the Fault `egress/secret-missing` with the reason for one that cannot be had. */
  async load(): Promise<void> {
    const kept = new Map<string, Secret>()
    for (const text of this.#references) {
      const [, name = '', version] = reference.exec(text) ?? []
      const read = await this.#sources.fromVault(name, version)
      if (!read.ok) throw new Fault('egress/secret-missing', `The secret ${name} cannot be had: ${read.error.message}`)
      kept.set(text, read.value)
    }
    this.#kept = kept
  }

  /** By what the settings call it. */
  get(text: string): Secret | undefined {
    return isSecretReference(text) ? this.#kept.get(text) : this.#sources.own(text)
  }
}

function textsOf(value: Json, depth: number): readonly string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null || depth >= mostDeep) return []
  return Object.values(value).flatMap((one: Json) => textsOf(one, depth + 1))
}
