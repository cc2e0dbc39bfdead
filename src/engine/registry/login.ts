import type { AuthConfig, AuthResponse } from "../../api/image.ts"
import type { Scope } from "../../core/scope.ts"
import type { Registries } from "../../distribution/registries.ts"
import { RegistryError } from "../../distribution/registry-error.ts"
import { Failure, isKind, messageOf } from "../../errors/failure.ts"
import { reasons } from "../../std/http/status.ts"
import { credentialsOf } from "../images/credentials.ts"
import { registryOf } from "../images/registry-name.ts"

/**
 * `docker login`: asks the registry whether it takes the credentials.
 * @returns a token to keep instead of the password, when the registry gives one
 * @throws unauthenticated
 */
export async function login(registries: Registries, scope: Scope, auth: AuthConfig): Promise<AuthResponse> {
  const credentials = credentialsOf(auth) ?? {}
  let failure: unknown
  for (const session of await registries.sessions(registryOf(auth.serveraddress ?? ""), credentials)) {
    const address = `${session.endpoint.url.href.replace(/\/+$/, "")}/`
    try {
      const answer = await session.request({
        method: "GET",
        to: "/",
        scopes: [],
        expect: [200],
        ...(scope.signal ? { signal: scope.signal } : {}),
      })
      for await (const _ of answer.body);
      const token = await registries.identityToken(session, credentials)
      return { Status: "Login Succeeded", IdentityToken: token ?? credentials.identityToken ?? "" }
    } catch (error) {
      if (isKind(error, "unauthenticated")) throw refusal(address, error)
      failure =
        error instanceof RegistryError ? new Failure("unavailable", attempt(address, error.status), error) : error
    }
  }
  throw failure
}

const attempt = (address: string, status: number) =>
  `login attempt to ${address} failed with status: ${status} ${reasons[status] ?? ""}`.trim()

function refusal(address: string, error: unknown): Failure {
  // A token service says why; the registry itself only that it is so.
  const bySelf = error instanceof RegistryError && error.address?.startsWith(address)
  const message = bySelf ? attempt(address, error.status) : `Get "${address}": ${messageOf(error)}`
  return new Failure("unauthenticated", messageOf(error).startsWith("Get ") ? messageOf(error) : message, error)
}
