/** bcrypt hashes a password's first 72 bytes only. */
const longest = 72

/**
 * Whether `password` is the one that a bcrypt hash (`$2a$`, `$2b$`, `$2y$`) was made of. Off the main thread: it takes tens of
 * milliseconds on purpose.
 */
export async function matchesBcrypt(password: string, hash: string): Promise<boolean> {
  if (!/^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(hash) || Buffer.byteLength(password) > longest) return false
  return await Bun.password.verify(password, hash, "bcrypt")
}

/** A bcrypt hash of `password`. */
export const bcrypt = (password: string, cost = 10): Promise<string> =>
  Bun.password.hash(password, { algorithm: "bcrypt", cost })
