import { makeStyles } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { ConsolePane } from "../../console/ConsolePane";
import { t } from "../../text";
import { useLocale } from "../../text/language";
import { useVm } from "./vmContext";

const useStyles = makeStyles({
  hidden: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
});

/** The machine's console, in all the room there is: its name stands above already, for the eye. */
export default function ConsolePage(): ReactNode {
  const styles = useStyles();
  useLocale();
  const { id, place } = useVm();
  return (
    <>
      <h1 className={styles.hidden}>{t("console.terminal", { name: place.name })}</h1>
      <ConsolePane vmId={id} name={place.name} />
    </>
  );
}
