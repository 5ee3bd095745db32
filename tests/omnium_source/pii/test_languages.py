"""Custom fields in the languages of the vendor's customers: names of fields, properties of every form, values."""

import json
import time
from typing import Any

import orjson
import pytest
from omnium_source.normalize.resource_normalizer import ResourceNormalizer
from omnium_source.normalize.schema import shape_of
from omnium_source.pages import Page
from omnium_source.pii.masking import Inside, PersonalData
from omnium_source.pii.vocabulary import (
    is_company_container,
    is_identifier_name,
    is_person_container,
    is_personal_name,
    says_personal,
)
from omnium_source.resources import RESOURCES

HASH = PersonalData("hash", b"a key for tests only")

PERSONAL = {
    "Norwegian": (
        "telefon mobil mobilnr tlf tlfnr telefonnummer etternavn fornavn mellomnavn fulltNavn kundenavn kunde.navn "
        "kundens_navn kundenr kundenummer kunde-id fødselsdato fodselsdato foedselsdato FØDSELSDATO f_dselsdato "
        "fødselsnummer personnummer fnr adresse adresse1 adresselinje1 postadresse leveringsadresse "
        "faktura_adresse gatenavn gateadresse gate husnummer e-post epost epostadresse kundeepost kontaktperson "
        "kontaktpersonNavn mottaker bestiller kjøper navn_kunde navn_på_mottaker telefon_privat telefonPrivat "
        "mobil2 persnr pers.nr f.nr fnr. fdato adr lev.adr leveringsadr fakt.adr kundeTlf kunde_tlf kontaktTlf "
        "kontaktMail kundeEpost ekstra_tlf Kunde-Navn pårørende_telefon leveringsnavn faktura_navn vejnavn_og_nr "
        "passnr "
        "kunde.telefon kontakt.epost medlemsnummer ansattnummer kundeinfo"
    ),
    "Nynorsk": ("fornamn førenamn etternamn mellomnamn fullt_namn kundenamn mottakar gatenamn"),
    "Swedish": (
        "förnamn efternamn mellannamn fullständigt_namn kundnamn kundnummer personnummer samordningsnummer "
        "födelsedatum född mobilnummer telefonnr e-postadress mejladress postadress besöksadress gatuadress "
        "mottagare beställare körkortsnummer leveransnamn födelseort anhörig"
    ),
    "Danish": (
        "fornavn efternavn mellemnavn kundenavn fødselsdag cpr cprNummer telefonnummer mobiltelefon vejnavn "
        "gadenavn modtager køber medarbejdernavn CPR-nr. vejnavn_og_nr"
    ),
    "Finnish": (
        "etunimi sukunimi kokonimi asiakasnimi asiakkaanNimi asiakasnumero puhelin puhelinnumero matkapuhelin "
        "sähköposti sahkoposti sähköpostiosoite osoite lähiosoite katuosoite syntymäaika henkilötunnus hetu "
        "vastaanottaja yhteyshenkilö jäsennumero puh_nro puhelinnro sposti s-posti synt.aika"
    ),
    "German": (
        "Vorname Nachname Familienname Geburtsname Kundenname Kundennummer Geburtsdatum Geburtstag Straße Strasse "
        "Straßenname Hausnummer Postfach Anschrift Lieferadresse Rechnungsadresse Adresszeile Telefon "
        "Telefonnummer Handynummer Mobilnummer Mobilfunknummer Rufnummer E-Mail-Adresse Empfänger Ansprechpartner "
        "Mitgliedsnummer "
        "GebDatum Geb.-Datum gebdat Kd-Nr. KdNr Rechnungsname Lieferanschrift "
        "Personalausweisnummer Straße_und_Hausnummer Steuer-ID"
    ),
    "Dutch": (
        "voornaam achternaam tussenvoegsel voorletters klantnaam klantnummer geboortedatum telefoonnummer "
        "mobielnummer e-mailadres adres afleveradres straatnaam straat huisnummer ontvanger contactpersoon "
        "burgerservicenummer bsn geb.datum geboorteplaats factuurnaam"
    ),
    "English": (
        "cust_name custPhone billToName ship_to_name billingName emailAddr "
        "phone2 homeAddress customer.email ContactMobile dateOfBirth socialSecurityNumber passportNumber"
    ),
}
ENDINGS = {
    "Norwegian": (
        "etternavnet etternavna fornavnene telefonene telefonnumrene mobilen adressene adressa leveringsadressene "
        "kundenes_navn gjestens_navn medlemmets_navn fødselsdager fødselsnummeret e-postadressene epostene"
    ),
    "Swedish": (
        "förnamnet efternamnet efternamnen telefonnumret mobilnumret mobilen kundernas_namn födelsedatumet personnumren"
    ),
    "Danish": "fornavnet efternavnet efternavne kundenavne adresserne adressens vejnavnet CPR-nummeret",
    "Finnish": (
        "etunimen sukunimen sukunimet puhelinnumeron puhelimet sähköpostin sähköpostiosoitteen osoitteet osoitetta "
        "katuosoitteen syntymäajan syntymäpäivän henkilötunnuksen asiakkaiden_nimet kännykän"
    ),
    "German": "Nachnamens Vornamens Geburtsdatums Geburtsdaten Geburtstage Rufnummern Hausnummern Ansprechpartners",
    "Dutch": "achternamen telefoonnummers geboortedata straatnamen huisnummers kopersnaam ledennaam lid_naam",
    "English": "birthDates birthdays mobiles customersName",
}
"""Cases, the plural, the definite form."""
NOT_PERSONAL = (
    "name id navn namn nimi Name naam brandName customerGroup kundegruppe kundetype kundeklubb kundekategori "
    "kundenivå medlemskap medlemsnivå emailMarketing postnummer Postleitzahl poststed by Stadt land "
    "produktnavn varenavn varenummer ordrenummer ordernummer Bestellnummer artikkelnummer strekkode ean gtin "
    "sku farge Farbe størrelse Größe vekt status kommentar leveringsdato leveransdatum Lieferdatum "
    "betalingsmåte firmanavn leverandørnavn leverandørTelefon supplierEmail lagernavn butikknavn webadresse "
    "ip_adresse personbil automobil bobil mobilitet loadingGate kontaktskjema numberOfCustomers antallKunder "
    "isCustomer harTelefon mailing retail detail contactless material koper hotel "
    "customField custom_name battery_cell battericell app_mobile_version leveringsmåte leveringstid fakturanummer "
    "telefonmodell mobildeksel squad adresserbar post_nr deliver_to_store shipToStore"
)


@pytest.mark.parametrize("language", PERSONAL)
def test_names_that_speak_of_a_person(language: str) -> None:
    assert [name for name in PERSONAL[language].split() if not is_personal_name(name)] == []


@pytest.mark.parametrize("language", ENDINGS)
def test_names_with_an_ending(language: str) -> None:
    assert [name for name in ENDINGS[language].split() if not is_personal_name(name)] == []


@pytest.mark.parametrize("word", ["kundens_for_", "navn_til_kunde_", "telefon_privat_", "for_den_"])
def test_a_name_of_many_small_words_takes_no_time(word: str) -> None:
    """Each word more doubled it: sixteen took seconds, and thirty would have taken a day."""
    started = time.process_time()
    is_personal_name(word * 200)
    is_personal_name(word * 200 + "x")
    assert time.process_time() - started < 5


def test_names_that_do_not() -> None:
    assert [name for name in NOT_PERSONAL.split() if is_personal_name(name)] == []


def test_containers_and_identifiers() -> None:
    persons = (
        "customer kunde kunder kontakter mottaker Empfänger leveringsadresse deliveryAddress Kundendaten"
    )
    assert [name for name in persons.split() if not is_person_container(name)] == []
    others = "supplier leverandør product lines properties kundegruppe extra"
    assert [name for name in others.split() if is_person_container(name)] == []
    assert [
        name for name in ("supplier", "leverandør", "Lieferant", "carrier") if not is_company_container(name)
    ] == []
    assert not is_company_container("leverandørkontakt")
    things = "orderNumber ordrenr sku ean gtin13 strekkode Artikelnummer reference createdDate leveringsdato imageUrl"
    assert [name for name in things.split() if not is_identifier_name(name)] == []
    assert [name for name in ("comment", "value", "melding", "Notiz") if is_identifier_name(name)] == []


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("PrivateCustomer", True),
        ("CustomerGroup", False),
        ("Kunde", True),
        ("kundegruppe", False),
        ("telefon", True),
    ],
)
def test_keys_that_say_so(key: str, expected: bool) -> None:
    assert says_personal(key) is expected


# What must be found nowhere, whatever the field around it is called.
NAMES = ["Kari", "Nordmann", "Åse", "Svensson", "Jürgen", "Müller", "Virtanen"]
NUMBERS = [
    "99887766",
    "998 87 766",
    "0047 99887766",
    "070-123 45 67",
    "0171/1234567",
    "01018000055",
    "811228-9874",
    "0612345678",
    "131052-308t",
]
PLACES = ["Storgata 1", "Kungsgatan 2", "Hauptstraße 3", "kari@nordmann.no", "1980-01-01"]
SECRETS = [*NAMES, *NUMBERS, *PLACES]

FREE_FORM: list[dict[str, Any]] = [
    {"kunde": {"navn": "Kari", "telefon": "99887766", "adresse": {"gate": "Storgata 1", "postnr": "0150"}}},
    {"kontakter": [{"navn": "Åse Svensson", "rolle": "innkjøp", "mobil": 99887766}]},
    {"Rechnung": {"Empfänger": {"Name": "Jürgen Müller", "Straße": "Hauptstraße 3"}, "Betrag": 12.5}},
    {
        "leveranse": {
            "mottaker": "Kari Nordmann",
            "adresselinje1": "Storgata 1",
            "merknad": "ring 998 87 766 etter kl 16",
        }
    },
    {"deep": [[{"a": {"b": [{"sukunimi": "Virtanen", "syntymäaika": "1980-01-01"}]}}]]},
    {"felter": [{"navn": "etternavn", "verdi": "Nordmann"}, {"navn": "farge", "verdi": "blå"}]},
    {
        "fields": [
            {"name": "Nachname", "values": ["Müller"]},
            {"Key": "Förnamn", "Value": "Åse"},
            {"k": "tlf", "v": "99887766"},
        ]
    },
    {
        "answers": [
            {"question": "Telefonnummer?", "answer": "99887766"},
            {"title": "Kundenavn", "text": "Kari"},
        ]
    },
    {
        "properties": [
            {"key": "name", "keyGroup": "Customer", "value": "Kari"},
            {"key": "x", "value": "0047 99887766"},
        ]
    },
    {"notat": "Fødselsnr 01018000055, personnr 811228-9874, tel: 99887766, skriv til kari@nordmann.no"},
    {"kari@nordmann.no": {"points": 4}, "json": '{"kunde": {"fornavn": "Kari", "etternavn": "Nordmann"}}'},
    {
        "person": {"id": "99887766", "nr": "0047 99887766"},
        "info": {"name": "Kari Nordmann", "phone": "99887766"},
    },
    {"numre": ["998 87 766", "070-123 45 67", "0171/1234567"]},
    # Personal values as names of fields, and maps as lists of pairs.
    {
        "telefoner": {"99887766": True},
        "emails": {"kari@nordmann.no": 1},
        "kunder": {"99887766": {"rabatt": 1}},
    },
    {"felter": [["telefon", "99887766"], ["etternavn", "Nordmann"], ["farge", "blå"]]},
    {"felt": "Etternavn", "innhold": "Nordmann"},
    {"a": ' \n{"etternavn": "Nordmann"}', "b": [' [{"key": "fornavn", "value": "Kari"}]']},
    {"merknad": "telefoon 0612345678, mobile 99887766, matkapuh. 99887766, hetu 131052-308t"},
]
KEPT = {
    "ean": "7038010000123",
    "sku": "070-1234567",
    "ordrenummer": "0047 99887766",
    "farge": "blå",
    "antall": 3,
    "dato": "2024-01-02",
    "kode": "998 87 766",
    "postnummer": "0150",
    "sted": "Oslo",
    "leverandør": {"navn": "Nordvik AS", "epost": "post@nordvik.no"},
    "properties": [
        {"key": "EAN", "value": "004712345671"},
        {"key": "vekt", "value": "12 500,50"},
        {"name": "vare", "value": "Stol"},
    ],
    "periode": "01.02.2024",
    "id": "12345678",
    "beløp": "1 250 000,00",
    "version": "1.2.3",
}


@pytest.mark.parametrize("value", FREE_FORM)
def test_free_form_objects_tell_nothing(value: dict[str, Any]) -> None:
    before = json.dumps(value)
    for inside in (Inside(), Inside("person")):
        shown = json.dumps(HASH.clean(value, inside), ensure_ascii=False)
        assert [secret for secret in SECRETS if secret in shown] == []
    assert json.dumps(value) == before, "what was given stays as it was"


def test_what_is_not_personal_stays() -> None:
    assert HASH.clean(KEPT) == KEPT


def test_exclude_leaves_nothing_of_it() -> None:
    away = PersonalData("exclude", b"a key for tests only")
    shown = json.dumps([away.clean(value) for value in FREE_FORM], ensure_ascii=False)
    assert [secret for secret in SECRETS if secret in shown] == []
    assert away.clean(KEPT) == KEPT


def tables(resource: str, *rows: Any) -> str:
    """All tables of these rows."""
    row = RESOURCES[resource]
    shape = shape_of(row, HASH)
    batch = ResourceNormalizer(shape).normalize([Page(orjson.dumps({"result": rows}))])
    return json.dumps([table.to_pylist() for table in batch.tables.values()], default=str, ensure_ascii=False)


CUSTOM = {
    "telefon": "99887766",
    "kundenavn": "Kari Nordmann",
    "Straße": "Hauptstraße 3",
    "födelsedatum": "1980-01-01",
    "melding": "ring 998 87 766",
    "ekstra": FREE_FORM[0],
    "customProperties": {"etternavn": "Nordmann", "fnr": "01018000055"},
    "properties": [
        {"key": "etternavn", "value": "Nordmann"},
        {"key": "Gatuadress", "value": "Kungsgatan 2"},
        {"key": "puhelin", "value": "99887766"},
        {"key": "merknad", "value": "0047 99887766"},
        {"key": "navn", "keyGroup": "Kunde", "value": "Kari"},
        {"key": "ean", "value": "7038010000123", "displayValue": "7038010000123"},
        {"key": "mobiltelefon", "value": None, "displayValue": "99887766", "verdi": 99887766},
        {"key": "felter", "value": '\t{"Nachname": "Müller"}'},
        {"key": "extra", "value": '{"Nachname": "Müller"}'},
        {"key": "fødselsnr", "value": "01018000055", "keyGroup": ""},
    ],
}


@pytest.mark.parametrize(
    "resource", ["orders", "private_customers", "carts", "purchase_orders", "deliveries", "invoices"]
)
def test_custom_fields_of_a_row_tell_nothing(resource: str) -> None:
    shown = tables(resource, {"id": "1", **CUSTOM})
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "7038010000123" in shown


def test_objects_of_the_contract_in_deep_json() -> None:
    """Contacts' external ids and addresses below the second level, and a customer in what nobody foresaw."""
    contact = {
        "firstName": "Kari",
        "externalIds": [{"id": "99887766", "providerName": "crm"}],
        "address": {"line1": "Storgata 1"},
    }
    address = {"name": "Kari", "line1": "Storgata 1", "city": "Oslo", "externalId": "99887766"}
    shown = tables(
        "business_customers",
        {
            "customerId": "9",
            "contacts": [{"externalIds": [{"id": "99887766"}], "addresses": [address]}],
            "addresses": [address],
        },
    ) + tables(
        "orders", {"id": "1", "orderForm": {"shipments": [{"address": address, "contacts": [contact]}]}}
    )
    assert [secret for secret in SECRETS if secret in shown] == []
    assert "Oslo" in shown


def test_a_supplier_keeps_what_is_its_own_and_its_people_nothing() -> None:
    shown = tables(
        "suppliers",
        {
            "id": "S",
            "name": "Nordvik AS",
            "email": "post@nordvik.no",
            "phone": "22 33 44 55",
            "telefon": "22 33 44 55",
            "properties": [
                {"key": "epost", "value": "ordre@nordvik.no"},
                {"key": "ordretelefon", "value": "0047 22334455"},
                {"key": "kontaktperson", "value": "Kari Nordmann"},
                {"key": "kontaktTelefon", "value": "99887766"},
                {"key": "fødselsnummer", "value": "01018000055"},
                {"key": "etternavn", "value": "Nordmann"},
            ],
            "ekstra": {"epost": "faktura@nordvik.no", "kontakt": {"navn": "Kari", "mobil": "99887766"}},
        },
    )
    assert [secret for secret in SECRETS if secret in shown] == []
    for own in (
        "Nordvik AS",
        "post@nordvik.no",
        "22 33 44 55",
        "ordre@nordvik.no",
        "0047 22334455",
        "faktura@nordvik.no",
    ):
        assert own in shown
