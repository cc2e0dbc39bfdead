/** A new identifier of 64 hexadecimal digits, Docker's form for containers, networks, execs and volumes. */
export function newId(): string {
  for (;;) {
    const id = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex")
    // An ID whose short form is all digits could be mistaken for a number (a PID, a port) by tools.
    if (!/^\d{12}/.test(id)) return id
  }
}

/** The twelve digits people see. */
export const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12)
