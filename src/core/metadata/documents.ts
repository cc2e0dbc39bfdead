import { Turns } from "../../std/turns.ts"
import type { Collection } from "./contract.ts"
import type { MetadataDatabase } from "./database.ts"

/** Documents that are read from the database at once. */
const pageLength = 64

/** A collection as rows of (collection, key, JSON). */
export class DocumentCollection<T> implements Collection<T> {
  readonly #database: MetadataDatabase
  readonly #name: string

  constructor(database: MetadataDatabase, name: string) {
    this.#database = database
    this.#name = name
  }

  get(key: string): T | undefined {
    const row = this.#database.first<{ value: string }>(
      "SELECT value FROM documents WHERE collection = ? AND key = ?",
      this.#name,
      key,
    )
    return row && (JSON.parse(row.value) as T)
  }

  put(key: string, value: T): void {
    const text = JSON.stringify(value)
    const { changes } = this.#database.run(
      "UPDATE documents SET value = ? WHERE collection = ? AND key = ?",
      text,
      this.#name,
      key,
    )
    if (changes > 0) return
    this.#database.assertRoom()
    this.#database.run("INSERT INTO documents (collection, key, value) VALUES (?, ?, ?)", this.#name, key, text)
  }

  delete(key: string): boolean {
    return this.#database.run("DELETE FROM documents WHERE collection = ? AND key = ?", this.#name, key).changes > 0
  }

  flushed(): Promise<void> {
    return this.#database.flushed()
  }

  all(): readonly (readonly [string, T])[] {
    return this.#database
      .all<{ key: string; value: string }>(
        "SELECT key, value FROM documents WHERE collection = ? ORDER BY key",
        this.#name,
      )
      .map((row) => [row.key, JSON.parse(row.value) as T] as const)
  }

  async *each(): AsyncGenerator<readonly [string, T]> {
    const turns = new Turns()
    for (let after = ""; ; ) {
      const rows = this.#database.all<{ key: string; value: string }>(
        "SELECT key, value FROM documents WHERE collection = ? AND key > ? ORDER BY key LIMIT ?",
        this.#name,
        after,
        pageLength,
      )
      for (const { key, value } of rows) {
        yield [key, JSON.parse(value) as T]
        await turns.pass()
      }
      if (rows.length < pageLength) return
      after = rows.at(-1)!.key
    }
  }
}
