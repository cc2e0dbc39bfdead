/** The header fields of a message: names in lower case, every value in the order it came. */
export class HeaderFields {
  readonly #fields = new Map<string, string | string[]>()

  add(name: string, value: string): void {
    const before = this.#fields.get(name)
    if (before === undefined) this.#fields.set(name, value)
    else if (typeof before === "string") this.#fields.set(name, [before, value])
    else before.push(value)
  }

  /** The value; several are joined by a comma (RFC 9110, section 5.3). `name` in lower case. */
  get(name: string): string | undefined {
    const value = this.#fields.get(name)
    return typeof value === "object" ? value.join(", ") : value
  }

  /** Each value by itself. */
  all(name: string): readonly string[] {
    const value = this.#fields.get(name)
    return value === undefined ? [] : typeof value === "string" ? [value] : value
  }

  /** Whether a comma-separated field lists `token`, in any case. */
  lists(name: string, token: string): boolean {
    const value = this.get(name)
    return value?.split(",").some((item) => item.trim().toLowerCase() === token) ?? false
  }
}
