import type { AuthConfig } from "../../../api/image.ts"
import { authenticate } from "../../../client/registry.ts"
import { isKind, messageOf } from "../../../errors/failure.ts"
import { atMost, command, Exit, type Invocation } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { Credentials, dockerHub, hostnameOf } from "../../registry/credentials.ts"
import { ask } from "../../registry/prompt.ts"

const flags = {
  password: text("p", 'Password or Personal Access Token (PAT), or "-" to read from stdin'),
  "password-stdin": bool("", "Take the Password or Personal Access Token (PAT) from stdin"),
  username: text("u", "Username"),
}

export const login = command({
  use: "login [OPTIONS] [SERVER]",
  args: atMost(1),
  flags,
  run: async (invocation) => {
    const { args, flags, config, out } = invocation
    checkFlags(invocation)
    const given = args[0]
    const server = !given || given === "docker.io" ? dockerHub : given === dockerHub ? given : hostnameOf(given)
    const credentials = new Credentials(config)
    const password = await givenPassword(invocation)
    const known = !flags.username && !password ? await credentials.get(server).catch(() => undefined) : undefined
    const renewed = known?.username && known.password ? await withKnown(invocation, server, known) : undefined
    const auth = renewed ? known! : await withPrompts(invocation, server, password, known?.username ?? "")
    const answer = renewed ?? (await authenticate(invocation.docker.transport, auth))
    const token = answer.IdentityToken
    const kept = token ? { ...auth, password: "", identitytoken: token } : auth
    if ((await credentials.store(server, kept)) === "in plain text" && !token) warnOfPlainStore(invocation)
    if (answer.Status) out.line(answer.Status)
  },
})

type Login = Invocation<typeof flags>

function checkFlags({ flags, given }: Login): void {
  if (given.has("password-stdin") || flags.password === "-") {
    if (given.has("password") && flags.password !== "-")
      throw new Exit(1, "conflicting options: cannot specify both --password and --password-stdin")
    if (!given.has("username")) throw new Exit(1, "the --password-stdin option requires --username to be set")
  }
  if (given.has("username") && !flags.username) throw new Exit(1, "username is empty")
  if (given.has("password") && !flags.password) throw new Exit(1, "password is empty")
}

async function givenPassword({ flags, err }: Login): Promise<string> {
  const fromStdin = flags["password-stdin"] || flags.password === "-"
  if (flags.password && !fromStdin) err.line("WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
  if (!fromStdin) return flags.password
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
    .toString()
    .replace(/\r?\n$/, "")
}

/** Tries what is stored. @returns undefined when it is no longer right */
async function withKnown({ docker, err, program }: Login, server: string, known: AuthConfig) {
  err.line(`Authenticating with existing credentials...${known.username ? ` [Username: ${known.username}]` : ""}`)
  err.line(`\n Info -> To login with a different account, run '${program} logout' followed by '${program} login'\n\n`)
  try {
    return await authenticate(docker.transport, { ...known, serveraddress: server })
  } catch (error) {
    err.line(
      isKind(error, "unauthenticated")
        ? "Stored credentials invalid or expired"
        : `Login did not succeed, error: ${messageOf(error)}`,
    )
    return undefined
  }
}

async function withPrompts(
  { flags, out }: Login,
  server: string,
  password: string,
  before: string,
): Promise<AuthConfig> {
  if ((!flags.username || !password) && !process.stdin.isTTY)
    throw new Exit(1, "error: cannot perform an interactive login from a non-TTY device")
  const typed = flags.username.trim() || ask(before ? `Username (${before}): ` : "Username: ", out) || before
  if (!typed) throw new Exit(1, "Error: Non-null Username Required")
  const secret = password.trim() || ask("Password: ", out, true)
  if (!secret) throw new Exit(1, "Error: Password Required")
  return { username: typed, password: secret, serveraddress: server }
}

function warnOfPlainStore({ err, config }: Login): void {
  err.line(
    `\nWARNING! Your credentials are stored unencrypted in '${config.path}'.\n` +
      "Configure a credential helper to remove this warning. See\n" +
      "https://docs.docker.com/go/credential-store/\n",
  )
}
