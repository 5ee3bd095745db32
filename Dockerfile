# docker build -t omnium-elt . && docker run --rm -v omnium:/home/omnium/data omnium-elt demo
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml constraints.txt constraints-test.txt README.md LICENSE ./
COPY sources sources
COPY pipelines pipelines
COPY transforms transforms
COPY notebooks notebooks
# Extras of choice: docker build --build-arg EXTRAS='[postgres]'
ARG EXTRAS=""
RUN python -m venv /opt/omnium-elt \
    && /opt/omnium-elt/bin/pip install --no-cache-dir -c constraints.txt ".${EXTRAS}"

FROM python:3.13-slim
RUN useradd --create-home --uid 1000 omnium && install -d -o omnium -g omnium /home/omnium/data
COPY --from=build /opt/omnium-elt /opt/omnium-elt
ENV PATH=/opt/omnium-elt/bin:$PATH OMNIUM_HOME=/home/omnium/data
USER omnium
WORKDIR /home/omnium
VOLUME /home/omnium/data
# Signals reach the program itself: SIGTERM ends a run in good order.
ENTRYPOINT ["omnium-elt"]
CMD ["run"]
