import { lexically } from "../names.ts"
import type { Records } from "../storage/contract.ts"
import { keys } from "./keys.ts"

/** The names of all repositories. Known in memory after the first look. */
export class Catalog {
  readonly #records: Records
  readonly #added = new Map<string, number>()
  #names: Promise<Set<string>> | undefined

  constructor(records: Records) {
    this.#records = records
  }

  async has(repository: string): Promise<boolean> {
    return (await this.#all()).has(repository)
  }

  /** In lexical order. */
  async list(): Promise<readonly string[]> {
    return [...(await this.#all())].sort(lexically)
  }

  /** Whether somebody was about to store something in it at `since` (milliseconds since the epoch) or later. */
  addedSince(repository: string, since: number): boolean {
    return (this.#added.get(repository) ?? 0) >= since
  }

  /** Makes the repository known, before anything is stored in it. */
  async add(repository: string): Promise<void> {
    this.#added.set(repository, Date.now())
    const names = await this.#all()
    if (names.has(repository)) return
    await this.#records.put(keys.catalogEntry(repository), repository)
    names.add(repository)
  }

  async remove(repository: string): Promise<void> {
    this.#added.delete(repository)
    await this.#records.delete(keys.catalogEntry(repository))
    ;(await this.#all()).delete(repository)
  }

  #all(): Promise<Set<string>> {
    this.#names ??= this.#records.list(keys.catalog).then(
      (names) => new Set(names.map((name) => name.replaceAll(":", "/"))),
      (error) => {
        this.#names = undefined
        throw error
      },
    )
    return this.#names
  }
}
