import { inWordsOf } from "../catalogue";
import type { identity as english } from "../en/identity";

export const identity = inWordsOf<typeof english>()({
  noRight: "U hebt geen recht op de identiteitspagina's",
  noRightHint:
    "Daarvoor is een rol met {action} op de hele control plane nodig, bijvoorbeeld Reader; om er iets te wijzigen, Owner. Vraag een Owner om die rol, en kom dan terug.",
  whyRight: "U hebt op de hele control plane geen rol met {action}. Vraag het een Owner.",

  roles: "Rollen",
  noRoles: "Nergens een rol: er is niets te zien en niets te doen.",
  from: "Komt van",
  given: "rechtstreeks toegewezen",
  byGroup: "door de groep {name}",
  whyGroup: "De rol komt van een groep: trek die van de groep in, of haal de persoon uit de groep.",
  roleRemoved: "{role} van {name} is ingetrokken.",
  groups: "Groepen",
  noGroups: "In geen enkele groep.",
});
