import type { DeviceId } from '#base'
import { thumbprintsOf } from './device.ts'
import type { Module, ModuleAuthentication } from './module.ts'
import { Thumbprints } from './registry-thumbprints.ts'

/** The thumbprints that a module accepts. */
export function modulePrints(authentication: ModuleAuthentication): readonly string[] {
  return authentication.type === 'none' ? [] : thumbprintsOf(authentication)
}

/** The modules in memory, by identity, by device and by thumbprint. Guards that its views agree. */
export class ModuleIndex {
  readonly #modules = new Map<string, Module>()
  /** In the order of their ids. */
  readonly #byDevice = new Map<string, readonly Module[]>()
  readonly #thumbprints = new Thumbprints()
  readonly #sealedKeys = new Map<DeviceId, Buffer>()

  get count(): number {
    return this.#modules.size
  }

  /** The module of this identity. */
  find(identity: string): Module | undefined {
    return this.#modules.get(identity)
  }

  /** The modules of a device, in the order of their ids. */
  of(device: string): readonly Module[] {
    return this.#byDevice.get(device) ?? []
  }

  /** Every module that accepts a certificate with this SHA-256 thumbprint. */
  withThumbprint(print: string): readonly DeviceId[] {
    return this.#thumbprints.with(print)
  }

  /** All modules, in no order. */
  all(): Iterable<Module> {
    return this.#modules.values()
  }

  /** Adds a module, or puts it in the place of that of its name, with its sealed keys. */
  put(module: Module, sealed: Buffer | null): void {
    const others = this.of(module.device).filter((one) => one.id !== module.id)
    this.remove(module.identity)
    this.#modules.set(module.identity, module)
    this.#byDevice.set(
      module.device,
      [...others, module].sort((a, b) => (a.id < b.id ? -1 : 1)),
    )
    this.#thumbprints.add(module.identity, modulePrints(module.authentication))
    if (sealed !== null) this.#sealedKeys.set(module.identity, sealed)
  }

  /** Takes a module out. */
  remove(identity: DeviceId): void {
    const module = this.#modules.get(identity)
    if (module === undefined) return
    this.#modules.delete(identity)
    this.#sealedKeys.delete(identity)
    this.#thumbprints.drop(identity, modulePrints(module.authentication))
    const left = this.of(module.device).filter((one) => one.id !== module.id)
    if (left.length === 0) this.#byDevice.delete(module.device)
    else this.#byDevice.set(module.device, left)
  }

  /** The sealed keys of a module. */
  sealedKeys(identity: DeviceId): Buffer | undefined {
    return this.#sealedKeys.get(identity)
  }
}
