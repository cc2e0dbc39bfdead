import type { AuthConfig } from "../../api/image.ts"
import type { ClientConfig, StoredAuth } from "../client-config.ts"
import { CredentialHelper } from "./helper.ts"

/** What Docker Hub's credentials are kept under. */
export const dockerHub = "https://index.docker.io/v1/"

/** What a helper calls the user of an identity token. */
const tokenUser = "<token>"

/** What credentials of an image's registry are kept under. */
export const credentialKey = (domain: string): string =>
  domain === "docker.io" || domain === "index.docker.io" ? dockerHub : domain

/** The host of an address: `https://registry.example/v2/` → `registry.example`. */
export const hostnameOf = (address: string): string => address.replace(/^https?:\/\//, "").split("/")[0]!

/** The user's logins: in config.json, or with the helper that it names (`credHelpers`, `credsStore`). */
export class Credentials {
  readonly #config: ClientConfig

  constructor(config: ClientConfig) {
    this.#config = config
  }

  /** What is known for logging in; undefined when nothing is. */
  async get(server: string): Promise<AuthConfig | undefined> {
    const helper = this.#helper(server)
    if (!helper) return this.#stored(server)
    const held = await helper.get(server)
    if (!held) return undefined
    return held.Username === tokenUser
      ? { identitytoken: held.Secret, serveraddress: server }
      : { username: held.Username, password: held.Secret, serveraddress: server }
  }

  /** The same for the registry of an image. */
  forImage(domain: string): Promise<AuthConfig | undefined> {
    return this.get(credentialKey(domain))
  }

  /** @returns how it is kept now, if that is news */
  async store(
    server: string,
    { username = "", password = "", identitytoken }: AuthConfig,
  ): Promise<"in plain text" | undefined> {
    const helper = this.#helper(server)
    const { auths = {} } = this.#config.file
    if (helper) {
      const held = identitytoken
        ? { Username: tokenUser, Secret: identitytoken }
        : { Username: username, Secret: password }
      await helper.store(server, held)
      this.#config.update({ auths: { ...auths, [server]: {} } })
      return undefined
    }
    const entry: StoredAuth = {
      auth: Buffer.from(`${username}:${password}`).toString("base64"),
      ...(identitytoken ? { identitytoken } : {}),
    }
    if (JSON.stringify(auths[server]) === JSON.stringify(entry)) return undefined
    this.#config.update({ auths: { ...auths, [server]: entry } })
    return "in plain text"
  }

  async erase(server: string): Promise<void> {
    await this.#helper(server)?.erase(server)
    const { auths = {} } = this.#config.file
    if (!Object.hasOwn(auths, server)) return
    const { [server]: _gone, ...rest } = auths
    this.#config.update({ auths: rest })
  }

  #helper(server: string): CredentialHelper | undefined {
    const { credHelpers, credsStore } = this.#config.file
    const name = credHelpers?.[server] ?? credsStore
    return name ? new CredentialHelper(name) : undefined
  }

  #stored(server: string): AuthConfig | undefined {
    const { auths = {} } = this.#config.file
    const key = Object.hasOwn(auths, server) ? server : Object.keys(auths).find((each) => hostnameOf(each) === server)
    const entry = key === undefined ? undefined : auths[key]
    if (!entry) return undefined
    const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
      .toString()
      .split(":")
    return {
      ...(username ? { username, password: password.join(":").replace(/\0+$/, "") } : {}),
      ...(entry.identitytoken ? { identitytoken: entry.identitytoken } : {}),
      ...(entry.registrytoken ? { registrytoken: entry.registrytoken } : {}),
      serveraddress: server,
    }
  }
}
