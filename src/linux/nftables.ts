import { dlopen, type FFIFunction, FFIType, type Pointer } from "bun:ffi"
import { Failure } from "../errors/failure.ts"
import { cString } from "./libc.ts"
import type { LowDescriptors } from "./low-descriptors.ts"

const NFT_CTX_OUTPUT_JSON = 1 << 4

const functions = {
  nft_ctx_new: { args: [FFIType.u32], returns: FFIType.ptr },
  nft_ctx_free: { args: [FFIType.ptr], returns: FFIType.void },
  nft_ctx_buffer_output: { args: [FFIType.ptr], returns: FFIType.i32 },
  nft_ctx_buffer_error: { args: [FFIType.ptr], returns: FFIType.i32 },
  nft_ctx_output_set_flags: { args: [FFIType.ptr, FFIType.u32], returns: FFIType.void },
  nft_ctx_get_output_buffer: { args: [FFIType.ptr], returns: FFIType.cstring },
  nft_ctx_get_error_buffer: { args: [FFIType.ptr], returns: FFIType.cstring },
  nft_run_cmd_from_buffer: { args: [FFIType.ptr, FFIType.ptr], returns: FFIType.i32 },
} satisfies Record<string, FFIFunction>

/** nft refused a transaction; nothing of it took effect. `missing`: something it names does not exist. */
export class NftablesError extends Error {
  readonly missing: boolean
  constructor(message: string) {
    super(`nftables: ${message}`)
    this.name = "NftablesError"
    this.missing = /No such file or directory/.test(message)
  }
}

/**
 * nftables through libnftables, in this process and in this process's network namespace. Every {@link run} is one
 * transaction of the kernel: all of its commands take effect at one moment, or none does.
 *
 * The library waits for its netlink socket with select(2), and before 0.9.9 opens it anew when a listing was interrupted: it
 * is only ever called with low descriptors free.
 */
export class Nftables implements Disposable {
  readonly #library: ReturnType<typeof dlopen<typeof functions>>
  readonly #context: Pointer
  readonly #low: LowDescriptors
  #open = true

  private constructor(library: ReturnType<typeof dlopen<typeof functions>>, context: Pointer, low: LowDescriptors) {
    this.#library = library
    this.#context = context
    this.#low = low
  }

  /** Loads the library. @param low stays the caller's @throws unavailable naming the package to install */
  static open(low: LowDescriptors): Nftables {
    let library: ReturnType<typeof dlopen<typeof functions>>
    try {
      library = dlopen("libnftables.so.1", functions)
    } catch (error) {
      throw new Failure(
        "unavailable",
        "libnftables.so.1 is not installed; install it (Debian and Ubuntu: apt-get install libnftables1)",
        error,
      )
    }
    const context = low.lend(() => library.symbols.nft_ctx_new(0))
    if (!context)
      throw new Failure("unavailable", "libnftables gave no context; is this process allowed to use netlink?")
    library.symbols.nft_ctx_buffer_output(context)
    library.symbols.nft_ctx_buffer_error(context)
    return new Nftables(library, context as Pointer, low)
  }

  /** Runs commands in the language of nft(8) as one transaction. @throws NftablesError */
  run(commands: string): void {
    this.#run(commands, 0)
  }

  /** Runs a `list …` command. @returns the objects of libnftables-json(5) @throws NftablesError */
  list(command: string): readonly Readonly<Record<string, unknown>>[] {
    const answer = JSON.parse(this.#run(command, NFT_CTX_OUTPUT_JSON)) as {
      readonly nftables: readonly Readonly<Record<string, unknown>>[]
    }
    return answer.nftables
  }

  #run(commands: string, flags: number): string {
    const { symbols } = this.#library
    const buffer = cString(commands)
    symbols.nft_ctx_output_set_flags(this.#context, flags)
    const result = this.#low.lend(() => symbols.nft_run_cmd_from_buffer(this.#context, buffer))
    const output = String(symbols.nft_ctx_get_output_buffer(this.#context) ?? "")
    const errors = String(symbols.nft_ctx_get_error_buffer(this.#context) ?? "")
    if (result !== 0) throw new NftablesError(errors.trim() || `refused: ${commands}`)
    return output
  }

  [Symbol.dispose](): void {
    if (!this.#open) return
    this.#open = false
    this.#library.symbols.nft_ctx_free(this.#context)
    this.#library.close()
  }
}
