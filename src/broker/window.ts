/** How many messages may be on their way to the client at a time, and how many are. Closed while there is no client. */
export class Window {
  used = 0
  #size = 0
  #waits: (() => void) | undefined

  /** A client that takes `size` at a time has come; nothing is on its way yet. */
  open(size: number): void {
    this.used = 0
    this.#size = size
  }

  /** The client is away. */
  close(): void {
    this.#size = 0
    this.#waits = undefined
  }

  get hasPlace(): boolean {
    return this.used < this.#size
  }

  /** Takes a place for what is not in the session's queue. False: there is none; `free` is called once when there is, before the queue is. */
  take(free: () => void): boolean {
    const has = this.hasPlace
    if (has) this.used++
    else this.#waits = free
    return has
  }

  /** Calls who waits, if there is a place. */
  serve(): void {
    if (this.#waits === undefined || !this.hasPlace) return
    const free = this.#waits
    this.#waits = undefined
    free()
  }
}
