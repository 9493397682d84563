import { basename, dirname } from 'node:path'
import type { Disk, DiskFile } from '#journal'
import { SeededRandom } from './seeded-random.ts'

/** What a disk says when it breaks; `code` as the operating system's. */
export class DiskFault extends Error {
  readonly code: string
  constructor(code: string, operation: string) {
    super(`${code}: ${operation}`)
    this.name = 'DiskFault'
    this.code = code
  }
}

type Write = { readonly position: number; readonly bytes: Buffer }
/** `cached`: what reads give. `synced`: what is on the platter. `waiting`: written since, durable at the next sync. `doomed`: a sync has failed over these; no later one saves them. */
type Node = { cached: Buffer; synced: Buffer; waiting: Write[]; doomed: Write[] }

const sectorBytes = 512

/**
 * A disk in memory that breaks as real ones do. It forgets what was not synced when the plug is pulled, keeps a random part of it, tears writes
 * at sectors, runs full, and fails its nth operation; a failed sync drops its pages and says nothing the next time, as kernels do.
 */
export class MemoryDisk implements Disk {
  /** Fails the nth operation from now (1 is the next); writes may be half done by then. `always`: that one and all after it. */
  failAt = Infinity
  failAlways = false
  /** Bytes that may still be written before ENOSPC. */
  room = Infinity
  /** A sync takes a turn of the event loop. */
  slowSyncs = false
  /** Operations so far. */
  operations = 0
  /** Operations that were made to fail. */
  failures = 0
  readonly modes = new Map<string, number>()
  #dead = false
  #freeSyncs = Infinity
  #gate: Promise<void> = Promise.resolve()
  readonly #random: SeededRandom
  #nodes = new Map<string, Node>()
  /** Names that would survive a crash. */
  #durable = new Map<string, Node>()

  constructor(seed = 1) {
    this.#random = new SeededRandom(seed)
  }

  /** Lets `count` syncs pass and holds those after, until the returned function is called. */
  stallSyncs(count: number): () => void {
    this.#freeSyncs = count
    const gate = Promise.withResolvers<void>()
    this.#gate = gate.promise
    return () => {
      this.#freeSyncs = Infinity
      gate.resolve()
    }
  }

  get failed(): boolean {
    return this.failures > 0
  }

  async makeDirectory(directory: string): Promise<void> {
    this.#operate('mkdir')
    this.modes.set(directory, 0o700)
  }

  async list(directory: string): Promise<readonly string[]> {
    this.#operate('list')
    return this.names(directory)
  }

  async create(path: string): Promise<DiskFile> {
    this.#operate('create')
    if (this.#nodes.has(path)) throw new DiskFault('EEXIST', 'create')
    const node: Node = { cached: Buffer.alloc(0), synced: Buffer.alloc(0), waiting: [], doomed: [] }
    this.#nodes.set(path, node)
    this.modes.set(path, 0o600)
    return this.#file(node)
  }

  async open(path: string): Promise<DiskFile> {
    this.#operate('open')
    const node = this.#nodes.get(path)
    if (node === undefined) throw new DiskFault('ENOENT', 'open')
    return this.#file(node)
  }

  async unlink(path: string): Promise<void> {
    this.#operate('unlink')
    if (!this.#nodes.delete(path)) throw new DiskFault('ENOENT', 'unlink')
  }

  async syncDirectory(directory: string): Promise<void> {
    this.#operate('sync directory')
    for (const path of this.#durable.keys()) if (dirname(path) === directory && !this.#nodes.has(path)) this.#durable.delete(path)
    for (const [path, node] of this.#nodes) if (dirname(path) === directory) this.#durable.set(path, node)
  }

  /** Names of the files in `directory`, without counting as an operation. */
  names(directory: string): string[] {
    return [...this.#nodes.keys()].filter((path) => dirname(path) === directory).map((path) => basename(path))
  }

  /** The bytes of a file as a reader sees them. */
  content(path: string): Buffer {
    const node = this.#nodes.get(path)
    if (node === undefined) throw new Error(`no file ${path}`)
    return node.cached
  }

  /** Replaces a file's bytes, durably: for flipped bits and lost pages. */
  corrupt(path: string, change: (bytes: Buffer) => Buffer | void): void {
    const bytes = Buffer.from(this.content(path))
    this.plant(path, change(bytes) ?? bytes)
  }

  /** Puts a file there, durably. */
  plant(path: string, bytes: Buffer): void {
    const node: Node = { cached: bytes, synced: Buffer.from(bytes), waiting: [], doomed: [] }
    this.#nodes.set(path, node)
    this.#durable.set(path, node)
  }

  /** Loses a file, durably. */
  lose(path: string): void {
    this.#nodes.delete(path)
    this.#durable.delete(path)
  }

  /** The disk after the process was killed: everything the system had taken is there. This one answers nobody any more. */
  afterKill(): MemoryDisk {
    this.#dead = true
    const next = this.#successor()
    const copies = new Map<Node, Node>()
    const copyOf = (node: Node): Node => {
      const copy = copies.get(node) ?? { ...node, waiting: [...node.waiting], doomed: [...node.doomed] }
      copies.set(node, copy)
      return copy
    }
    for (const [path, node] of this.#nodes) next.#nodes.set(path, copyOf(node))
    for (const [path, node] of this.#durable) next.#durable.set(path, copyOf(node))
    return next
  }

  /** The disk after the plug was pulled: synced bytes, and of the others whatever part the drive happened to have written. */
  afterCrash(): MemoryDisk {
    this.#dead = true
    const next = this.#successor()
    const names = new Map(this.#durable)
    for (const [path, node] of this.#nodes) if (!names.has(path) && this.#random.integer(2) === 0) names.set(path, node)
    for (const path of this.#durable.keys()) if (!this.#nodes.has(path) && this.#random.integer(2) === 0) names.delete(path)
    for (const [path, node] of names) {
      let bytes: Buffer = Buffer.from(node.synced)
      for (const write of [...node.doomed, ...node.waiting]) bytes = this.#tear(bytes, write)
      const survivor: Node = { cached: bytes, synced: Buffer.from(bytes), waiting: [], doomed: [] }
      next.#nodes.set(path, survivor)
      next.#durable.set(path, survivor)
    }
    return next
  }

  /** A copy that can be broken without harm to this one; its unsynced writes are taken as synced. */
  clone(): MemoryDisk {
    const next = this.#successor()
    for (const [path, node] of this.#nodes) {
      const copy: Node = { cached: Buffer.from(node.cached), synced: Buffer.from(node.cached), waiting: [], doomed: [] }
      next.#nodes.set(path, copy)
      next.#durable.set(path, copy)
    }
    return next
  }

  #successor(): MemoryDisk {
    return new MemoryDisk(this.#random.integer(0x7fff_ffff))
  }

  #tear(bytes: Buffer, write: Write): Buffer {
    let out = bytes
    for (let at = 0; at < write.bytes.length;) {
      const sector = sectorBytes - ((write.position + at) % sectorBytes)
      const part = write.bytes.subarray(at, at + sector)
      if (this.#random.integer(2) === 0) out = put(out, write.position + at, part)
      at += sector
    }
    return out
  }

  #file(node: Node): DiskFile {
    return {
      write: async (buffers, position) => this.#write(node, Buffer.concat(buffers), position),
      sync: async () => {
        if (this.#freeSyncs-- <= 0) await this.#gate
        if (this.slowSyncs) await new Promise<void>((resolve) => void setImmediate(resolve))
        if (this.#isDue()) {
          node.doomed.push(...node.waiting.splice(0))
          throw new DiskFault('EIO', 'sync')
        }
        for (const write of node.waiting.splice(0)) node.synced = put(node.synced, write.position, write.bytes)
      },
      read: async (position, length) => {
        this.#operate('read')
        return Buffer.from(node.cached.subarray(position, position + length))
      },
      size: async () => node.cached.length,
      close: async () => undefined,
    }
  }

  #write(node: Node, bytes: Buffer, position: number): void {
    const due = this.#isDue()
    const taken = due ? this.#random.integer(bytes.length + 1) : Math.min(bytes.length, this.room)
    const part = bytes.subarray(0, taken)
    this.room -= taken
    node.cached = put(node.cached, position, part)
    node.waiting.push({ position, bytes: part })
    if (due) throw new DiskFault('EIO', 'write')
    if (taken < bytes.length) throw new DiskFault('ENOSPC', 'write')
  }

  #operate(name: string): void {
    if (this.#isDue()) throw new DiskFault('EIO', name)
  }

  #isDue(): boolean {
    if (this.#dead) throw new DiskFault('EIO', 'the process that asks is dead')
    this.operations++
    const due = --this.failAt === 0 || (this.failAlways && this.failAt < 0)
    if (due) this.failures++
    return due
  }
}

function put(bytes: Buffer, position: number, part: Buffer): Buffer {
  if (part.length === 0) return bytes
  const out = Buffer.alloc(Math.max(bytes.length, position + part.length))
  bytes.copy(out)
  part.copy(out, position)
  return out
}
