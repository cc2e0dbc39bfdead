import { createHash, randomInt } from "node:crypto"
import { Failure } from "../errors/failure.ts"

/**
 * Names of what one daemon makes, recognisable as its own: host interfaces (the kernel allows 15 characters) and
 * the namespaces they lead into have the same name, the bridge's (cut and hashed when long), a dash and five digits to base 36.
 */
export class Names {
  readonly #prefix: string
  readonly #pattern: RegExp
  #next = randomInt(36 ** 5)

  /** @throws invalidArgument when the kernel would not take the name */
  constructor(bridge: string) {
    if (!/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(bridge))
      throw new Failure(
        "invalidArgument",
        `bridge name ${bridge} is not usable: it has 1 to 15 letters, digits, dots, dashes and underscores`,
      )
    this.#prefix =
      bridge.length <= 9 ? bridge : bridge.slice(0, 4) + createHash("sha256").update(bridge).digest("hex").slice(0, 5)
    this.#pattern = new RegExp(`^${this.#prefix.replaceAll(".", "\\.")}-[0-9a-z]{5}$`)
  }

  /** A name that was not given before in this process; it starts anywhere, so one of an earlier process is unlikely and late. */
  next(): string {
    this.#next = (this.#next + 1) % 36 ** 5
    return `${this.#prefix}-${this.#next.toString(36).padStart(5, "0")}`
  }

  /** True for names of this form. */
  isOwn(name: string): boolean {
    return this.#pattern.test(name)
  }
}
