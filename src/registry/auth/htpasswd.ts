import { createHmac, randomBytes } from "node:crypto"
import { readFileSync } from "node:fs"
import { Failure, messageOf } from "../../errors/failure.ts"
import type { HttpRequest } from "../../std/http/request.ts"
import { bcrypt, matchesBcrypt } from "../../std/password.ts"
import { Refusal } from "../refusal.ts"
import { basicCredentials, isBasic } from "./basic.ts"
import type { Authenticator } from "./contract.ts"
import { accessOf, type Right } from "./rights.ts"

/** Verified passwords that are remembered, so that bcrypt does not run with every request. */
const remembered = 1000

/** Users and their bcrypt hashes, from a file as `htpasswd -B` writes it. */
export class Users {
  readonly #hashes: ReadonlyMap<string, string>
  readonly #key = randomBytes(32)
  readonly #verified = new Map<string, string>()
  #decoy: Promise<string> | undefined

  /** @throws invalidArgument for a file that cannot be read or has hashes of another kind */
  constructor(path: string) {
    let text: string
    try {
      text = readFileSync(path, "utf8")
    } catch (error) {
      throw new Failure("invalidArgument", `the password file cannot be read: ${messageOf(error)}`, error)
    }
    this.#hashes = new Map(
      text
        .split("\n")
        .map((line) => line.trim())
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => {
          const colon = line.indexOf(":")
          const hash = line.slice(colon + 1)
          if (colon <= 0 || !hash.startsWith("$2")) {
            throw new Failure(
              "invalidArgument",
              `${path}: the entry of ${colon > 0 ? line.slice(0, colon) : "a line"} is no bcrypt hash; write it with htpasswd -B`,
            )
          }
          return [line.slice(0, colon), hash] as const
        }),
    )
  }

  has(user: string): boolean {
    return this.#hashes.has(user)
  }

  /** Whether `password` is the user's. */
  async verify(user: string, password: string): Promise<boolean> {
    const proof = createHmac("sha256", this.#key).update(password).digest("base64")
    if (this.#verified.get(user) === proof) return true
    // A hash is computed for unknown users too, so that the time does not tell who exists.
    const hash = this.#hashes.get(user)
    this.#decoy ??= bcrypt(this.#key.toString("hex"))
    const right = await matchesBcrypt(password, hash ?? (await this.#decoy))
    if (!right || hash === undefined) return false
    if (this.#verified.size >= remembered) this.#verified.clear()
    this.#verified.set(user, proof)
    return true
  }
}

/** Every request says who asks, by name and password. */
export function passwordAccess(options: {
  readonly users: Users
  readonly rights: readonly Right[]
  /** Shown by browsers. */
  readonly realm: string
}): Authenticator {
  const { users, rights, realm } = options
  const challenge = `Basic realm="${realm.replaceAll('"', "'")}"`
  return {
    async access(request: HttpRequest) {
      const field = request.headers.get("authorization")
      if (!isBasic(field)) return accessOf(rights, undefined)
      const { user, password } = basicCredentials(field)
      if (await users.verify(user, password)) return accessOf(rights, user)
      throw new Refusal("UNAUTHORIZED", "wrong user name or password", { headers: { "WWW-Authenticate": challenge } })
    },
    challenge: () => challenge,
  }
}
