import { inWordsOf } from "../catalogue";
import type { access as english } from "../en/access";

export const access = inWordsOf<typeof english>()({
  add: "Een rol toevoegen",
  here: "Hier toegewezen",
  group: "Overgenomen van de resourcegroep {name}",
  subscription: "Overgenomen van het abonnement {name}",
  root: "Overgenomen van deze hele control plane",
  nobody: "Niemand heeft hier een rol.",
  nobodyHere: "Op dit bereik zelf is geen rol toegewezen; de rollen hieronder komen van hoger.",

  who: "Wie",
  role: "Rol",
  since: "Sinds",
  actions: "Acties",
  user: "Gebruiker",
  servicePrincipal: "Service-principal",
  unknown: "Onbekend",
  unknownHint:
    "De directory heeft geen naam voor deze id: die is verwijderd, of u mag de directory niet lezen.",
  you: "u",
  by: "toegewezen door {name}",
  remove: "Intrekken",
  removeFor: "{role} van {name} intrekken",

  addTitle: "Een rol toevoegen",
  addTitleFor: "Een rol toevoegen voor {name}",
  addRole: "Rol",
  addWho: "Gebruiker, groep of service-principal",
  addWhoHint: "Typ een deel van de naam",
  addNobody: "Niemand heeft zo'n naam.",
  addScope: "Waar de rol geldt",
  addScopeVm: "Deze machine: {name}",
  addScopeGroup: "De resourcegroep ervan: {name}",
  addScopeSubscription: "Het abonnement ervan: {name}",
  addScopeWhole: "Deze hele control plane",
  choose: "Kiezen",
  users: "Gebruikers",
  servicePrincipals: "Service-principals",
  principalGroup: "Groep",
  groups: "Groepen",
  addMissingRole: "Kies een rol.",
  addMissingWho: "Kies uit de lijst wie de rol krijgt.",
  addSubmit: "Toevoegen",

  removeTitle: "{role} van {name} intrekken?",
  removeLoss:
    "{name} verliest wat deze rol toestaat op {scope} en daaronder. Consolesessies die erop berusten, worden beëindigd.",
  removeSelf: "Het is uw eigen rol: mogelijk kunt u die niet aan uzelf teruggeven.",
  removeLastOwner:
    "Het is de laatste rol Owner die hier geldt: niemand anders kan hier dan nog rollen toewijzen.",

  noticeAdd: "{name} de rol {role} geven",
  noticeRemove: "{role} van {name} intrekken",
  whyRight: "U hebt hier geen rol met {action}. Vraag het een Owner of een User Access Administrator.",
  whereRoot: "de hele control plane",
});
