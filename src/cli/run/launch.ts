import { existsSync, writeFileSync } from "node:fs"
import type { CreateResponse } from "../../api/container.ts"
import { ResponseError } from "../../client/response-error.ts"
import { messageOf } from "../../errors/failure.ts"
import { familiar, familiarName, parseReference, withDefaultTag } from "../../oci/reference.ts"
import { Exit, type Invocation } from "../command.ts"
import { bool, text } from "../flags/flag.ts"
import { printProgress } from "../output/progress.ts"
import { registryAuth } from "../registry-auth.ts"
import { screenOf } from "../screen.ts"
import { createBody } from "./body.ts"
import { containerFlags } from "./flags.ts"

/** What `run` and `create` have besides the container's own flags. */
export const launchFlags = {
  ...containerFlags,
  name: text("", "Assign a name to the container"),
  platform: text("", "Set platform if server is multi-platform capable"),
  pull: text("", 'Pull image before running ("always", "missing", "never")', "missing"),
  quiet: bool("q", "Suppress the pull output"),
  "disable-content-trust": bool("", "Skip image verification", true),
} as const

/** Exit code of `run` and `create` when the daemon or this program refuses. */
export const refused = 125

/**
 * Creates the container that the flags describe, pulling its image when it is missing.
 * @throws Exit 125 in docker's words
 */
export async function createContainer(invocation: Invocation<typeof launchFlags>): Promise<CreateResponse> {
  const { args, flags, given, docker, err } = invocation
  const [image = "", ...words] = args
  const refuse = (error: unknown) =>
    new Exit(
      refused,
      `${invocation.program}: ${messageOf(error)}\n\nRun '${invocation.path} --help' for more information`,
    )
  if (!["always", "missing", "never"].includes(flags.pull)) {
    throw refuse(new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`))
  }
  if (flags.cidfile && existsSync(flags.cidfile)) {
    throw refuse(
      new Error(`container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`),
    )
  }
  try {
    const body = createBody({
      flags,
      given,
      image,
      command: words,
      proxies: [],
      environment: process.env,
      ...(docker.transport.options.host.kind === "unix" ? { socket: docker.transport.options.host.path } : {}),
    })
    const query = { name: flags.name, platform: flags.platform }
    if (flags.pull === "always") await pullImage(invocation, image)
    let created: CreateResponse
    try {
      created = await docker.containers.create(body, query)
    } catch (error) {
      const missing = error instanceof ResponseError && error.status === 404 && /no such image/i.test(error.detail)
      if (!missing || flags.pull === "never") throw error
      if (!flags.quiet) err.line(`Unable to find image '${familiar(withDefaultTag(parseReference(image)))}' locally`)
      await pullImage(invocation, image)
      created = await docker.containers.create(body, query)
    }
    for (const warning of created.Warnings ?? []) err.line(`WARNING: ${warning}`)
    if (flags.cidfile) writeFileSync(flags.cidfile, created.Id)
    return created
  } catch (error) {
    throw error instanceof Exit ? error : refuse(error)
  }
}

async function pullImage(invocation: Invocation<typeof launchFlags>, image: string): Promise<void> {
  const { docker, flags, err, config } = invocation
  const reference = withDefaultTag(parseReference(image))
  const messages = await docker.images.pull(
    { fromImage: familiarName(reference), tag: reference.digest ?? reference.tag ?? "", platform: flags.platform },
    registryAuth(config.file, reference.domain),
  )
  await printProgress(
    messages,
    flags.quiet ? { isTerminal: false, columns: undefined, write: () => {} } : screenOf(err),
  )
}

/** The exit code that docker gives a container that could not be started: what its message says. */
export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127
  if (/permission denied|is a directory/.test(message)) return 126
  return refused
}
