import { timingSafeEqual } from "node:crypto";

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Whether `Authorization: Basic` names this user, with or without a domain, and the password. */
export function isBasicOf(header: string, credentials: Credentials): boolean {
  const encoded = /^Basic\s+(\S+)$/i.exec(header)?.[1];
  if (encoded === undefined) return false;
  const [, user = "", password = ""] =
    /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? [];
  const name = user.slice(user.indexOf("\\") + 1);
  const [a, b] = [Buffer.from(password), Buffer.from(credentials.password)];
  return (
    name.toLowerCase() === credentials.user.toLowerCase() && a.length === b.length && timingSafeEqual(a, b)
  );
}
