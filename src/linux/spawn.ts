export interface SpawnRequest {
  /** An absolute path and its arguments. */
  readonly command: readonly string[]
  /** The first word that the program is told and others see of it; absent: its path. */
  readonly name?: string
  /** Descriptors of this process that become 0, 1 and 2; `ignore` is /dev/null. Nothing else is inherited but {@link more}. */
  readonly stdin: number | "ignore"
  readonly stdout: number | "ignore"
  readonly stderr: number | "ignore"
  /** Descriptors of this process that become 3 and those that follow. */
  readonly more?: readonly number[]
  /** The whole environment; nothing is added. */
  readonly env: Readonly<Record<string, string>>
  /** Default `/`. */
  readonly cwd?: string
}

export interface Child {
  readonly pid: number
  /** The exit code; 128 + signal when it was killed. */
  readonly exited: Promise<number>
}

/**
 * Starts a program with raw descriptors as its stdio, which stay open here. Every other descriptor of this process
 * stays out of the child, those without O_CLOEXEC too. The child ignores no signals and has none blocked.
 * @throws Node's error with `code` when the program cannot be started
 */
export function spawn(request: SpawnRequest): Child {
  const child = Bun.spawn([...request.command], {
    ...(request.name === undefined ? {} : { argv0: request.name }),
    stdio: [request.stdin, request.stdout, request.stderr, ...(request.more ?? [])],
    env: { ...request.env },
    cwd: request.cwd ?? "/",
  })
  return { pid: child.pid, exited: child.exited }
}

/** Runs a program without input and collects what it prints to stdout. @throws as {@link spawn} */
export async function capture(
  request: Pick<SpawnRequest, "command" | "env" | "cwd">,
): Promise<{ readonly exitCode: number; readonly output: string }> {
  const child = Bun.spawn([...request.command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    env: { ...request.env },
    cwd: request.cwd ?? "/",
  })
  const output = await new Response(child.stdout).text()
  return { exitCode: await child.exited, output }
}
