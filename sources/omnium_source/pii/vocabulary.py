"""Recognise personal fields by their names, in the languages of the vendor's customers.

English, Norwegian (bokmål and nynorsk), Swedish, Danish, Finnish, German and Dutch. A name is split into words at camel
case, dots, underscores, blanks and hyphens, and letters lose their marks (`fødselsdato`, `FODSELSDATO`, `foedselsdato`
and `f_dselsdato` are one name). These languages write compounds as one word with the meaning at the end, so anything
may precede a word with a meaning of its own: `leveringsadresse`, `Rechnungsadresse`. Endings of case, plural or
definite form may follow it: `etternavnet`, `Nachnamens`, `osoitteen`.

    is_personal_name       whether a field's value is personal, by the field's name
    is_person_container    whether an object describes a person, by the name of its field
    is_company_container   whether an object describes a company that is not a customer, by the name of its field
    is_identifier_name     whether a field's value names a thing, so that it is not searched for phone numbers
"""

import re
from functools import cache, lru_cache

_FOLDED = str.maketrans(
    {
        **dict(zip("øöóòôõőœ", "oooooooo", strict=True)),
        **dict(zip("ØÖÓÒÔÕŐŒ", "OOOOOOOO", strict=True)),
        **dict(zip("åäáàâãąæ", "aaaaaaaa", strict=True)),
        **dict(zip("ÅÄÁÀÂÃĄÆ", "AAAAAAAA", strict=True)),
        **dict(zip("üúùûëéèêïíìîñç", "uuuueeeeiiiinc", strict=True)),
        **dict(zip("ÜÚÙÛËÉÈÊÏÍÌÎÑÇ", "UUUUEEEEIIIINC", strict=True)),
        "ß": "ss",
        "ẞ": "SS",
        # Decomposed letters: the mark follows the letter.
        **dict.fromkeys("\u0300\u0301\u0302\u0303\u0308\u030a\u0327"),
    }
)
LONGEST_NAME = 100
"""Only so many characters at the end of a name are matched: the meaning is at the end, and in a name of short words
each further word doubles the time."""
_PARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MARKED = {
    "ø": "(?:oe?|_)",
    "å": "(?:aa?|_)",
    "æ": "(?:ae?|_)",
    "ä": "(?:ae?|_)",
    "ö": "(?:oe?|_)",
    "ü": "(?:ue?|_)",
}


def words(name: str) -> str:
    """`contactPersonID` and `contact-person-id` → `contact_person_id`, `Straßenname` → `strassenname`."""
    return re.sub(r"[^a-z0-9]+", "_", _PARTS.sub("_", name.translate(_FOLDED)).lower()).strip("_")


def _any_of(terms: str) -> str:
    """A pattern for terms: a hyphen may be a border between words, a marked letter may be spelt in several ways."""
    patterns = []
    for term in terms.split():
        pattern = term.replace("-", "_?").replace("ß", "ss")
        patterns.append("".join(_MARKED.get(letter, letter) for letter in pattern))
    return "(?:" + "|".join(patterns) + ")"


_ENGLISH_PERSON = (
    "customer|(?<![a-z])cust(?=_)|contact(?:_person)?|person|recipient|receiver|consignee|employee|member"
    "|buyer|guest|patient"
)
_PERSON_WORDS = _any_of(
    "kunde[nr]?s? kundin kund(?:en|ens|er)? klant(?:en)? asiakas asiakkaa[nt] asiakkaiden "
    "kontakt(?:er|en)? kontakt-?person(?:er|en|ens|s)? contactpersoo?n(?:en)? ansprechpartner(?:in|innen|s)? "
    "yhteyshenkilö[nt]? yhteyshenkilöt person(?:en|ens|er|s)? persoon henkilö[nt]? mottaker(?:en|ens|s)? "
    "mottakar(?:en|ens|s)? mottagare(?:ns?)? modtager(?:en|ens|s)? empfänger(?:in|s)? ontvanger "
    "vastaanottaja[n]? bestiller(?:en|ens|s)? beställare(?:ns?)? besteller(?:in|s)? tilaaja[n]? "
    "auftraggeber(?:s)? opdrachtgever kjøper(?:en|ens|s)? kjøpar(?:en)? køber(?:en|ens|s)? köpare(?:ns?)? "
    "käufer(?:in|s)? ostaja[n]? medlem(?:met|mer|men|mens|s)? mitglied(?:er|s)? jäsen(?:en)? "
    "ansatt(?:e|es)? tilsett anställd(?:a|as|e)? medarbeider(?:en)? medarbetare(?:ns?)? medarbejder(?:en)? "
    "mitarbeiter(?:in|s)? medewerker(?:s)? työntekijä[n]? gjest(?:en|s)? gäst(?:en|s)? gast(?:es)? "
    "innehaver(?:en)? innehavare inhaber(?:in|s)? patient(?:en)? pasient(?:en)? konsument(?:en)? "
    "forbruker(?:en)? pårørende foresatt(?:e|es)? ektefelle(?:n|ns)? anhörig(?:a|as)? vårdnadshavare(?:ns?)? "
    "angehörige[nr]? huoltaja[n]? kundinnen medlemmets gjestens koper(?=s?_?naam) lid(?=_?naam) leden(?=_?naam)"
)
_NOT_SALES = r"(?<!sales_)(?<!sales)(?<!salgs)(?<!salgs_)(?<!verkaufs)(?<!verkoop)"
_PERSON = rf"{_NOT_SALES}(?:{_ENGLISH_PERSON}|{_PERSON_WORDS})"
_COMPANY = _any_of(
    "supplier vendor manufacturer carrier leverandør leverantör lieferant leverancier toimittaja "
    "valmistaja produsent producent tilverkare tillverkare hersteller fabrikant transportør "
    "transportör spediteur vervoerder kuljetus butikk butik varehus varuhus lager warehouse filiale "
    "winkel myymälä magasin magazijn"
)

_ENDING = r"(?:e?s|e?ns?|e?ts?|e|e?rs?|e?nes?|ernes?|enas?|rnas?|[ao]rnas?|a|[aio]n|t?ta|ien)?"
"""The endings of nouns in these languages, after the forms in the lists. For Finnish nouns whose stem changes, the
lists have both stems."""
_NAME = _any_of(
    "names? navn(?:et|ets|e|ene|enes|s)? namn(?:et|ets|en|ens|s)? nimi nime[nt] nimien namen? namens naam"
)
_NUMBER = _any_of(
    "ids? iden? identifier numbers? no nr nro nummer(?:et)? num numero tunnus ref reference referanse referens "
    "viite referenz referentie kennung kennzeichen code kode kod koodi nøkkel"
)
_DETAILS = _any_of(
    "info informasjon information data detaljer details opplysninger opplysningar uppgifter oplysninger "
    "daten gegevens tiedot"
)
_BEFORE = (
    rf"(?:^|_|{_PERSON}_?|privat|arbeids|arbeits|arbets|arbejds|jobb|hjemme|hem|dienst|tjeneste|work|home)"
)
_AFTER = _any_of(
    "privat[et]? jobb arbeid arbeit arbete arbejde work home hjemme hjem hem dag kveld kväll day evening "
    "primary secondary primær primär sekundær sekundär alternativ ekstra extra faktura invoice billing "
    "rechnung rechnungs levering leverings leverans lieferung delivery shipping frakt versand hoved main "
    "mobile? cell"
)
_OF = r"(?:_?(?:for|til|till|pa|av|af|fra|von|vom|des|der|die|van|of|on|hos|the|den))*"

_GIVEN_NAMES = _any_of(
    "fornavn fornamn förnamn etternavn etternamn efternavn efternamn mellomnavn mellomnamn mellannamn "
    "mellemnavn førenamn førenavn fullt-navn fullt-namn fullnavn fullständigt-namn fulde-navn pikenavn "
    "slektsnavn slektsnamn släktnamn familienavn tilltalsnamn kallenavn kaldenavn vornamen? nachnamen? "
    "familiennamen? zunamen? rufnamen? geburtsnamen? mädchenname vollständiger-name voornaam voornamen "
    "achternaam familienaam meisjesnaam roepnaam tussenvoegsels? voorletters volledige-naam "
    "etunim[ie] sukunim[ie] kokonim[ie] koko-nim[ie] kutsumanim[ie] toinen-nim[ie] achternamen roepnamen"
)
_BIRTH = _any_of(
    "fødsels?-dato(?:en)? fødsels?-dag(?:en)? fødsels?-år fødselstid fødd født fdato bursdag födelse-datum "
    "födelse-dag födelse-år födelse-tid född geburts-datum geburts-tag geburts-jahr geburts-ort geb-?dat(?:um)? "
    "geburts-daten geb-?tag geb-?jahr geboren fødested födelse-ort geboorte-plaats "
    "geboorte-datum geboorte-data geboorte-dag geboorte-jaar verjaardag syntymä-aika syntymä-aja "
    "syntymä-päivä syntymä-vuosi syntymä-pvm synt-aika synt-pvm syntymä-paikka"
)
_NATIONAL_ID = _any_of(
    "person-numme?ret? person-numre[nt] person-numre person-nummer pers(?:on)?-nr "
    "fødsels?-nummer fødsels?-numre fødsels?-nr fødselsnr samordnings-nummer "
    "henkilö-tunnus henkilö-tunnukse henkilö-numero sosiaaliturvatunnus sosiaaliturvatunnukse "
    "sozialversicherungs-nummer sozialversicherungsnr "
    "rentenversicherungs-nummer steuer-id steuer-identifikations-nummer steuer-nummer "
    "(?:personal)?ausweis(?:-?(?:nummer|nr))? reisepass(?:-?(?:nummer|nr))? burger-?service-?nummer "
    "rijksregister-nummer pass-nummer pass-?(?:nr|no) passinumero førerkort(?:-?(?:nummer|nr))? "
    "körkort(?:s?-?(?:nummer|nr))? kørekort(?:-?(?:nummer|nr))? ajokortti(?:-?numero)? "
    "führerschein(?:-?(?:nummer|nr))? rijbewijs(?:-?(?:nummer|nr))? ssn social-security(?:-number)? "
    "national-id(?:entity)?(?:-number)? personal-?(?:number|id|code) passport(?:-?number)? id-card id-kort"
)
_SHORT_ID = _any_of(
    "f-nr f-dato pnr kd-(?:nr|nummer) d-nummer dnr cpr(?:-?(?:nummer(?:et)?|numre|nr|no))? hetu sotu bsn dob"
)
_PHONE_NUMBER = r"(?:_?(?:numbers?|nummer(?:et|n)?|numre[nt]?|nr|no|nro|numero|numerot))?"
_PHONE = _any_of(
    "(?:tele)?phones? telefon(?:en|er|e)? telefoon telefono mobiltelefon mobil(?=_?n) mobiltlf puhelin "
    "puhelime puhelimen matkapuhelin kännykkä kännykä rufnummer festnetz mobilfunk(?:nummer)? mobiel(?=_?n) "
    "handynummer telefoonnummer"
)
_SHORT_PHONE = _any_of(
    "tel tlf tfn mob mobil mobiel mobile(?:-?phone)? cell cell-?phone handy puh fax faks telefax msisdn "
    "gsm-?(?:nummer|nr|number) sms-?(?:nummer|nr|number) whatsapp"
)
_PHONE_WORD = _any_of("tel tlf tfn mob mobil mobiel puh fax faks telefax")
"""Short words for a phone that have no other meaning, whatever precedes them."""
_MAIL_ADDRESS = (
    r"(?:_?(?:adresse?[rn]?|adressen?|adresser|adres(?:sen)?|osoite(?:et)?|osoittee|address(?:es)?|addr|adr|konto"
    r"|s))?"
)
_MAIL = _any_of("e-?mails? e-?post(?:en|ene|er|ar)? sähköposti(?:n|t)?")
_SHORT_MAIL = _any_of("mail mails mejl meili s-posti")
_ADDRESS = (
    r"(?<!web)(?<!web_)(?<!nett)(?<!ip)(?<!ip_)(?<!mac)(?<!mac_)(?<!url)(?<!url_)(?<!internet)(?<!internet_)(?<!hjemmeside)"
    + _any_of(
        "address(?:es)? adresse[rn]? adress(?:en|er|erna)? adres(?:sen)? anschrift(?:en)? osoite(?:et)? "
        "osoittee adressa address-?line-?\\d? adresse?-?linje(?:r)? adress-?rad adress-?zeile adres-?regel osoiterivi"
    )
)
_STREET = _any_of(
    "street(?:-?(?:name|number|address|line\\d?))? gate-?navn gate-?namn gate-?adresse gate-?nummer "
    "gate-?nr gatu-?namn gatu-?adress gatu-?nummer vei-?navn vei-?adresse veg-?namn vej-?navn vej-?nummer "
    "väg-?namn gade-?navn gade-?nummer husnr hus-?nummer haus-?nummer hausnr "
    "straßen?(?:-?(?:name|nummer|nr))? strasse-?n?name straat(?:-?(?:naam|namen|nummer))? huis-?nummer huisnr "
    "katu-?osoite katu-?nimi katu-?numero lähiosoite kotiosoite talon?-?numero postboks postfach postbus "
    "lägenhets-?nummer leilighets-?nummer bolignummer"
)
_SHORT_STREET = _any_of(
    "(?:leverings?_?|fakt(?:ura)?_?|post|gate|hjemme|hem|privat|besøks)?adr "
    "gata katu gade line_?\\d linje_?\\d c_o(?:_.*)? str-?nr"
)

_COMPOUND = (
    rf"(?:{_GIVEN_NAMES}|{_BIRTH}|{_NATIONAL_ID}|{_PHONE}{_PHONE_NUMBER}|{_MAIL}{_MAIL_ADDRESS}|{_ADDRESS}|{_STREET}"
    rf"|{_PERSON}{_ENDING}_?{_OF}_?{_NAME}){_ENDING}"
    rf"|{_PERSON}(?:_?{_OF}_?(?:{_NAME}|{_NUMBER}|{_DETAILS}|e_?mail|phone|address))?"
)
_ENGLISH_NAMES = "(?:first|last|middle|full|given|family|nick|maiden|birth|christian)_?names?|sur_?names?"
_ADDRESSEE = (
    rf"(?:leverings?|levering|leverans|faktura|liefer|rechnungs?|toimitus|laskutus|bezorg|aflever|factuur)_?{_NAME}"
    rf"|(?:bill(?:ing)?|invoice)_names?|(?:bill|ship|sold|deliver)_?to_?names?"
)
_ENGLISH_BIRTH = "birth_?(?:date|day)?|date_of_birth|born"
_WHOLE_WORD = (
    rf"{_SHORT_ID}|{_SHORT_STREET}|{_ADDRESSEE}|{_PHONE_WORD}{_PHONE_NUMBER}|mobil(?:en|ene|er|erne|es|s)|{_ENGLISH_NAMES}"
    rf"|(?:{_ENGLISH_BIRTH})s?|{_BEFORE}s?(?:{_SHORT_PHONE}{_PHONE_NUMBER}"
    rf"|{_SHORT_MAIL}{_MAIL_ADDRESS})|(?:{_NAME}|{_NUMBER}){_OF}_?{_PERSON}"
)
_PERSONAL_NAME = (
    r"^(?!is_|has_|er_|har_|ist_|hat_|on_|antall|antal_|anzahl|number_of_|no_of_|count)"
    rf"(?:gate|vei|(?:.*?)(?:{_COMPOUND})|(?:.*_)?(?:{_WHOLE_WORD}))"
    rf"(?:{_OF}_{_AFTER}|{_OF}_{_PERSON}|_(?:og|och|und|en|ja)_{_NUMBER}|_?\d{{1,2}})*$"
)
_INTRINSIC = rf"(?:{_GIVEN_NAMES}|{_ENGLISH_NAMES}|{_BIRTH}|{_NATIONAL_ID}|(?:^|_){_SHORT_ID}|birth)"
"""Attributes that only persons have, even inside an object that describes a company."""
_INSIDE_PERSON = (
    rf"^(?:id|number|line1|line2|address|reference|nr|nummer|numero|gate|{_NAME}|.*_{_NAME}|initials|initialen|external_ids?|user_?name|pin|street_number"
    r"|apartment_number|location_name|(?:linje|linja|zeile|rad|regel|rivi)_?\d?"
    r"|vei|veg|vej|vag|weg|tie|line3)$"
)
_CONTAINER = (
    rf"(?:{_PERSON}(?:s|es)?(?:_?{_DETAILS})?|{_ADDRESS}|customer_details"
    rf"|{_PERSON}_?(?:list|liste|lista|profil|profile))$"
)
_IDENTIFIER = (
    r"(?:^|_)(?:ids?|guid|uuid|skus?|eans?(?:_?\d+)?|gtins?(?:_?\d+)?|upc|isbn|mpn|keys?|hash|version|serial|batch|lot|dates?|dato|"
    r"datum|pvm|time|tid|timestamp|created|modified|zip|plz|url|uri|href|link|image|file|path|size|colou?r|weight|price|amount|"
    r"quantity|status|type|sort(?:_?order)?|index|iban|bic|vat|tax_?id)$"
    r"|(?:nummer|number|numbers|numero|nr|_no|kode|koodi|code|codes|kod|barcode|reference|referanse|referens|referenz|"
    r"referentie|viite|_ref|dato|datum|postcode|postal)$"
)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Compile on first use: it takes up to 13 ms, and most loads have only field names of the contract."""
    return re.compile(pattern)


def _found(pattern: str, plain: str) -> bool:
    return _expression(pattern).search(plain[-LONGEST_NAME:]) is not None


@lru_cache(maxsize=20_000)
def is_personal_name(name: str, inside_person: bool = False, inside_company: bool = False) -> bool:
    """Whether a field without a rule is personal by its name.

    In an object that describes a person, `id` and `name` are personal too. In one that describes a company, only names
    with a word for a person (`contactPhone`) and attributes that only persons have (`lastName`) are personal.
    """
    plain = words(name)
    if inside_person and _found(_INSIDE_PERSON, plain):
        return True
    if not _found(_PERSONAL_NAME, plain):
        return False
    if inside_company or _found(_COMPANY, plain):
        return _found(_PERSON, plain) or _found(_INTRINSIC, plain)
    return True


@lru_cache(maxsize=20_000)
def is_person_container(name: str) -> bool:
    """Whether an object under this name describes a person (`customer`, `deliveryAddress`, `contacts`)."""
    return _found(_CONTAINER, words(name))


@lru_cache(maxsize=20_000)
def is_company_container(name: str) -> bool:
    """Whether an object under this name describes a company that is not a customer (`supplier`, `carrier`)."""
    plain = words(name)
    return _found(_COMPANY, plain) and not _found(_PERSON, plain)


@lru_cache(maxsize=20_000)
def speaks_of_person(name: str) -> bool:
    """Whether a name contains a word for a person (`contactPhone`, `kundenavn`)."""
    return _found(_PERSON, words(name))


@lru_cache(maxsize=20_000)
def is_identifier_name(name: str) -> bool:
    """Whether a field names a thing (`orderNumber`, `sku`, `ean`), or is a date, an amount or a link."""
    return _found(_IDENTIFIER, words(name))


@lru_cache(maxsize=20_000)
def is_name_of_name(name: str) -> bool:
    """Whether a field is called `name` in one of the languages."""
    return _found(rf"^{_NAME}$", words(name))


@lru_cache(maxsize=20_000)
def says_personal(sibling: str, inside_company: bool = False) -> bool:
    """Whether a sibling's text makes a value personal: a property's key, or the type of the object with an id."""
    if is_personal_name(sibling, False, inside_company):
        return True
    return not inside_company and _found(rf"(?:^|_){_PERSON}s?$", words(sibling))
