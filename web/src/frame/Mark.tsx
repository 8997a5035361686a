import type { ReactNode } from "react";

/** The house's mark: a prompt that waits. */
export function Mark({ size = 24 }: { size?: number }): ReactNode {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" fill="#0f7372" />
      <path
        d="M8 11l5 5-5 5"
        fill="none"
        stroke="#fff"
        strokeWidth="3"
        strokeLinecap="round"
        strokeLinejoin="round"
      />
      <path d="M16 22h8" stroke="#fff" strokeWidth="3" strokeLinecap="round" />
    </svg>
  );
}
