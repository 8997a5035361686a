import { Button, makeStyles, tokens } from "@fluentui/react-components";
import { ChevronLeftRegular, ChevronRightRegular } from "@fluentui/react-icons";
import type { ReactNode } from "react";
import { t } from "../../text";

interface Props {
  /** From 0. */
  page: number;
  pages: number;
  onPage: (page: number) => void;
}

const useStyles = makeStyles({
  root: {
    display: "flex",
    alignItems: "center",
    justifyContent: "center",
    columnGap: tokens.spacingHorizontalM,
    paddingBlock: tokens.spacingVerticalM,
  },
});

export function Pager({ page, pages, onPage }: Props): ReactNode {
  const styles = useStyles();
  if (pages < 2) return null;
  return (
    <nav className={styles.root} aria-label={t("common.pager")}>
      <Button
        icon={<ChevronLeftRegular />}
        aria-label={t("common.previousPage")}
        disabledFocusable={page === 0}
        onClick={() => onPage(page - 1)}
      />
      <span aria-live="polite">{t("common.page", { page: page + 1, pages })}</span>
      <Button
        icon={<ChevronRightRegular />}
        aria-label={t("common.nextPage")}
        disabledFocusable={page === pages - 1}
        onClick={() => onPage(page + 1)}
      />
    </nav>
  );
}
